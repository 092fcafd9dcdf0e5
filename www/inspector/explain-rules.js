// @ts-check
// What breaks in practice where a rule is broken. The rules themselves, with their sections, are the codec's.

/** By the rule's name. @type {Record<string, string>} */
export const RULES = {
  // Frames (RFC 6455, RFC 7692).
  "rsv1-without-extension":
    "Most often compression that one end thinks agreed and the other does not: a proxy dropped Sec-WebSocket-Extensions, or a library compresses without asking. Every strict receiver closes with 1002.",
  "rsv1-on-control":
    "The sender compresses control frames too. Pings and Close frames are then noise to the other end, and the connection ends without its reason.",
  "rsv1-on-continuation":
    "The sender sets the bit on each fragment instead of the first. Lenient receivers inflate it anyway, strict ones close: it works in one browser and fails in another.",
  "rsv2-without-extension":
    "An extension that was not agreed on, or bytes that are not at a frame's beginning: a length before was wrong.",
  "rsv3-without-extension":
    "An extension that was not agreed on, or bytes that are not at a frame's beginning: a length before was wrong.",
  "reserved-data-opcode":
    "Often no opcode at all: the sender and the receiver have lost count of the bytes, and this is the middle of a payload.",
  "reserved-control-opcode":
    "Often no opcode at all: the sender and the receiver have lost count of the bytes, and this is the middle of a payload.",
  "fragmented-control":
    "A library that cuts everything into pieces of a fixed size, control frames too. The receiver cannot answer half a ping.",
  "long-control":
    "A close reason that was not cut to 123 bytes, or a ping used to carry data. The receiver closes with 1002, and the reason that was to be told is never seen.",
  "unmasked-from-client":
    "The first thing that home-made clients get wrong. Servers close at once; those that do not let every caller's bytes through to proxies as they are.",
  "masked-from-server":
    "A server built from client code. Browsers close at once with 1002, so it shows as soon as a page connects.",
  "length-not-minimal":
    "A sender that always writes the long form. Strict receivers close; with others it works, until somebody compares frames byte by byte, or hides data from a firewall in the difference.",
  "length-top-bit": "No message is that long. A negative number was written, or the length of something that failed.",
  "continuation-without-message":
    "The first fragment was lost or sent with FIN, or two threads write to one connection without a lock.",
  "message-interrupted":
    "Two messages at once on one connection: nearly always two threads or tasks that write without a lock. What the receiver would put together is a mixture of both.",
  "invalid-utf8":
    "Bytes sent as text: Latin-1, a cut character, or binary data with the wrong opcode. Browsers close with 1007 and the page never sees the message.",
  "invalid-deflate":
    "The compressor and the inflater do not share their history: a window that is larger than agreed, context kept though no_context_takeover was agreed, or a message lost in between. All later messages are lost with it.",
  "close-payload-of-one-byte": "A code is two bytes. One byte is a code cut in half, often written as a small number.",
  "invalid-close-code":
    "Often 1005 or 1006 echoed back from an event, or 0 for want of a code. The other end closes with 1002 and takes it for an error, though the end was orderly.",
  "invalid-close-reason":
    "A reason cut in the middle of a character to fit 123 bytes. The code is lost together with it.",
  "frame-after-close":
    "A sender that goes on after it said Close: what it sends is thrown away, though its own program believes it was sent.",
  "message-too-big":
    "The receiver's own limit. The sender has to cut its data into several messages, or the limit has to grow.",
  "too-many-fragments": "A limit against senders that keep a message open for ever, byte by byte, to eat up memory.",

  // Handshakes.
  "head-too-large": "Mostly cookies: servers answer 431, and the page learns only that it failed.",
  "too-many-headers": "A proxy that adds headers in a loop, or an attack on memory.",
  "request-line-too-long":
    "A token or a whole state in the query. Proxies cut or refuse such lines long before the server does.",
  "malformed-request-line": "Not HTTP: TLS spoken to a plain port, or a space in the path that was not encoded.",
  "malformed-status-line": "Not HTTP: a TLS port spoken to without TLS, or some other service at this port.",
  "unsupported-http-version": "HTTP/2 has its own way to open a WebSocket; this line cannot.",
  "bare-line-feed":
    "Servers disagree about where such a line ends, and attackers use that to smuggle requests past a proxy.",
  "folded-header": "An old way to write long values that servers read in different ways; it is refused for safety.",
  "header-without-colon": "Something was pasted into a header with a line end in it, or the head is damaged.",
  "space-before-colon":
    "Some servers strip the space and some ignore the header: two programs in a row then see different requests.",
  "invalid-header-name": "A character that HTTP does not know in names, often from text pasted into a header.",
  "invalid-header-value": "A control byte: text from a user that went into a header unchecked.",
  "invalid-target": "A fragment (#) or an unencoded character. Browsers never send one; home-made clients do.",
  "missing-host": "HTTP/1.1 servers answer 400 before they even look at the Upgrade.",
  "repeated-host": "A proxy and a server may each believe another one: a way around filters.",
  "invalid-host": "A scheme or a path in Host, mostly from a URL pasted where a name belongs.",
  "invalid-content-length":
    "Two programs in a row count the body differently, and one of them takes a part of it for the next request.",
  "ambiguous-body": "The classic of request smuggling: one program believes the length, the next the chunks.",
  "method-not-get": "Servers answer 405. Some libraries send POST when a body is set.",
  "http-version-too-old": "A proxy that speaks HTTP/1.0 to its servers: nginx does unless told proxy_http_version 1.1.",
  "body-in-handshake": "What follows the head would be taken for frames.",
  "upgrade-not-websocket":
    "Nearly always a proxy on the way that drops Upgrade and Connection because it was not told about WebSocket.",
  "connection-not-upgrade":
    "Nearly always a proxy on the way that drops Upgrade and Connection because it was not told about WebSocket.",
  "missing-version": "A client from before RFC 6455, or somebody who opens the address in a browser's tab.",
  "repeated-version": "A proxy that adds what is there already.",
  "unsupported-version": "A draft of before 2011. Current software speaks 13 and nothing else.",
  "missing-key": "A request that looks like a handshake but comes from no WebSocket library.",
  "repeated-key": "Which one is answered? A client cannot check the answer, so nobody should try.",
  "invalid-key":
    "Not 16 bytes in base64. Lenient servers hash whatever stands here, so it works with some and fails with others.",
  "repeated-origin":
    "A check of the first and a log of the second: refused, so that nobody can play them against each other.",
  "malformed-protocols":
    "Names with spaces, quotes or slashes. In browsers the constructor already throws a SyntaxError.",
  "repeated-protocol": "Browsers refuse to send it; from others it is a mistake in a list.",
  "malformed-extensions":
    "The server cannot tell what is offered. Strict ones answer 400, others go on without compression.",
  "illegal-deflate-offer": "The server has to decline this offer, so messages go uncompressed, and nobody is told why.",
  "missing-accept": "The other end does not speak WebSocket, or a proxy took the header out.",
  "repeated-accept": "A server behind a proxy that answers as well. Browsers fail the connection.",
  "accept-mismatch":
    "The key was hashed after decoding its base64 (a frequent mistake), with a wrong GUID, or the answer belongs to another request. Browsers fail the connection.",
  "protocol-not-offered":
    "The server names what it likes, not what was offered; names are compared with case. Browsers fail the connection.",
  "extension-not-offered":
    "The server would change the protocol in a way that the client cannot follow, so the client fails the connection.",
  "repeated-extension": "Nobody could tell which of the two holds.",
  "illegal-deflate-answer":
    "The server promised less than was asked for, or limits what the client did not offer. Browsers fail the connection; lenient clients go on, and garble messages when the window is exceeded.",
  "body-in-switch": "Harmless, but a proxy may wait for a body that never comes, or take the first frames for it.",
};
