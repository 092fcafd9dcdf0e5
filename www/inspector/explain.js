// @ts-check
// Explain mode: for each field of a frame and of a handshake, what it is and why it is so, in two or three sentences;
// for each broken rule, what breaks in practice. Loaded when somebody asks for it: none of this is in the wasm module.

import { RULES } from "./explain-rules.js";

/** @import { Explained, FieldInfo } from "../pkg/framescope_wasm.js" */
/** @import { Details } from "./app.js" */

/** A frame or a head, with or without a capture around it. @typedef {Explained & Partial<Details>} Shown */

/**
 * What a learner is told of a field; empty where its meaning says all.
 * @param {FieldInfo} field
 * @param {Shown} shown what it is a part of
 * @returns {string}
 */
export function explainField(field, shown) {
  const told = FIELDS[field.name];
  return told === undefined ? "" : typeof told === "string" ? told : told(field, shown);
}

/**
 * What breaks in practice where this rule is broken; empty for a rule that is not known here.
 * @param {string} name as in `ViolationInfo.name`
 * @returns {string}
 */
export function explainViolation(name) {
  return RULES[name] ?? "";
}

/** The names of all rules that are told of. */
export const EXPLAINED_RULES = Object.keys(RULES);

/** @type {Record<string, string | ((field: FieldInfo, shown: Shown) => string)>} */
const FIELDS = {
  fin: (field, shown) => {
    const why =
      "A message may be cut into frames, so that a sender can begin before it knows the length, and so that a ping can slip in between. FIN marks the last one.";
    if (isControl(shown)) {
      return "Control frames are never cut: they have to get through in the middle of a long message, and a receiver must be able to act on each at once. So FIN is always 1 here.";
    }
    if (field.value === "0")
      return `${why} This is 0: the receiver keeps what it has and waits for a frame with opcode 0.`;
    return isContinuation(shown)
      ? `${why} With this frame the receiver has the whole message, and only now can hand it to the program.`
      : `${why} Here it is 1 on the first frame already: the message is this frame, as nearly all are.`;
  },
  rsv1: (field, shown) => {
    const why =
      "Three bits were set aside for extensions. permessage-deflate took the first: on the first frame of a message it says that the whole message is compressed.";
    if (field.value === "0")
      return `${why} A sender may decide that for each message, since short or random data gets longer by compressing.`;
    return isControl(shown) || isContinuation(shown)
      ? `${why} It says nothing on control frames, which are never compressed, nor on later fragments.`
      : `${why} The receiver undoes the mask first, appends 00 00 ff ff, and inflates; what it saw in earlier messages may be referred to.`;
  },
  rsv2: reserved,
  rsv3: reserved,
  opcode: (_field, shown) => OPCODES[opcodeOf(shown)] ?? RESERVED_OPCODE,
  mask: (field) =>
    field.value === "1"
      ? "Masking is not for secrecy: the key stands right beside. It keeps a page from choosing the bytes on the wire, so that it cannot make an old proxy on the way take them for an HTTP request and poison its cache. That is why clients always mask."
      : "A server does not mask: nobody can make a server say what he likes to a proxy that believes it speaks HTTP to a client. It saves four bytes and the work. A client that got a masked frame would have to close with 1002.",
  "payload-length": (field) => {
    const value = Number.parseInt(field.value, 10);
    const why = "Seven bits hold lengths up to 125, which most messages stay below: two bytes of header in all.";
    if (value === 126) return `${why} 126 is no length, but a sign: the next two bytes have it, for up to 65 535.`;
    if (value === 127)
      return `${why} 127 is no length, but a sign: the next eight bytes have it, for all that is longer than 65 535.`;
    return `${why} The shortest form that fits must be used, so that there is one way to write each frame and nothing to hide a difference in.`;
  },
  "extended-payload-length": (field) =>
    field.bytes[1] - field.bytes[0] === 2
      ? "Sixteen bits, most significant byte first as everywhere in network protocols. They are used from 126 to 65 535 bytes and for nothing shorter."
      : "Sixty-four bits, most significant byte first, for all from 65 536 bytes on. The first bit is 0, so that languages without unsigned numbers can hold it. Never trust it before the bytes are there: a receiver that reserves that much memory at once can be brought down by one header.",
  "masking-key": (field) => {
    const why =
      "Byte i of the payload is XORed with byte i mod 4 of the key; doing it again undoes it. The key has to be new and unpredictable for each frame, else whoever writes the payload can work out what stands on the wire.";
    if (/^(00\s*){4}$/.test(field.value))
      return `${why} This key is all zeros: it changes nothing, and protects nobody.`;
    return why;
  },
  "payload-data": (_field, shown) => {
    const kind = opcodeOf(shown);
    if (kind === "close") {
      return "Empty, or two bytes of status code and then a reason in UTF-8, of 123 bytes at most as the frame may have 125. Programs act on the code; the reason is for logs.";
    }
    if (kind === "ping" || kind === "pong") {
      return "Whatever the sender of the ping likes, up to 125 bytes: the pong brings the same back, so that each answer can be told from the others and timed.";
    }
    if (kind === "text") {
      return "A text is UTF-8, and a receiver has to check that: over all fragments together, as a character may be cut between two frames.";
    }
    if (kind === "continuation")
      return "The next piece of the message. Where one piece ends and the next begins means nothing: a proxy may cut anew.";
    return "Bytes whose meaning is between the two programs. The protocol hands them over whole, in order, and unchanged.";
  },
  "close-code": (field) => {
    const code = Number.parseInt(field.value, 10);
    const why =
      "A number that tells the other end's program why. 1000 to 2999 are the protocol's, 3000 to 3999 are registered for libraries, and 4000 to 4999 are free for the two ends.";
    if (code === 1005 || code === 1006 || code === 1015) {
      return `${why} ${code} is one of three that must never be sent: they are what a program is told when there was no code to be told of.`;
    }
    if (code === 1000) return `${why} 1000 is a normal end: nothing is wrong, and there is no need to connect again.`;
    if (code === 1001)
      return `${why} Browsers send 1001 when a page is left, servers when they shut down: the program did nothing wrong.`;
    return why;
  },
  "close-reason":
    "Words beside the code. They must be UTF-8 and may be at most 123 bytes, as a control frame has 125; a script in a page can read them, so nothing secret belongs here.",
  "start-line": (_field, shown) =>
    isRequest(shown)
      ? "WebSocket begins as HTTP, so that it comes through the same port, the same proxies and the same logins as the page. It is a GET without a body: whoever does not know WebSocket answers it harmlessly."
      : "101 is the one answer that changes the protocol: after its empty line there is no HTTP any more. With any other status it stays HTTP, and a page learns only that it failed, not why, so that it cannot search networks it has no business in.",
  method:
    "GET, as it has no body and asks for no change. A body would have to be told from the first frames, which follow right behind the head.",
  target:
    "The path and query of the address. The server chooses by it which program answers. It ends up in logs, so a password does not belong in here, though browsers leave no other place for one but cookies and the subprotocol.",
  "http-version":
    "1.1, the first version that has Upgrade. HTTP/2 and HTTP/3 do it in another way, with an extended CONNECT (RFC 8441, RFC 9220); the frames inside are the same.",
  status:
    "101, Switching Protocols: agreed. Anything else is a no, a login or a redirection, which browsers do not follow here.",
  reason: "Words for people. A client does not look at them.",
  header: (field, shown) =>
    HEADERS[headerName(field)] ??
    SIDE_HEADERS[`${isRequest(shown) ? "request" : "response"} ${headerName(field)}`] ??
    "",
  "end-of-head":
    "An empty line ends the head, as in all of HTTP/1.1. The very next byte is the first of a frame; a client must not send one before it has seen this line of the answer.",
};

/** @type {Record<string, string>} */
const OPCODES = {
  continuation:
    "0 goes on with the message under way: its kind was said by the first frame. Only control frames may come in between, so that a receiver needs to remember one message only.",
  text: "1 begins a text. The kind is said so that a program need not guess, and the receiver checks the UTF-8: a text that is none closes the connection with 1007.",
  binary: "2 begins bytes that nobody looks into. In a page they arrive as an ArrayBuffer or a Blob.",
  close:
    "8 begins the closing handshake: the other end answers with a Close of its own, and then the server ends the TCP connection. So both know that nothing was lost, which a TCP end alone cannot tell.",
  ping: "9 asks for a sign of life. The other end has to answer with a pong, and soon; proxies that cut silent connections see traffic. Browsers answer by themselves, and give scripts no way to send one.",
  pong: "10 answers a ping with the same payload. It may come unasked too, as a sign of life that wants no answer.",
};
const RESERVED_OPCODE =
  "Opcodes 3 to 7 and 11 to 15 are kept for later versions and extensions. A receiver that does not know one cannot know how to go on, so it fails the connection rather than guess.";

/** By their names in lower case. @type {Record<string, string>} */
const HEADERS = {
  upgrade:
    "HTTP's own way to change the protocol on a connection that is there already. The word is websocket, in any case.",
  connection:
    "Upgrade is meant for the next hop only. Naming it here tells a proxy so: one that does not know WebSocket drops both, and the handshake fails early rather than half way.",
  "sec-websocket-key":
    "16 random bytes. The server has to put them together with a fixed text (a GUID that nobody else uses), hash that and send it back. So it proves that it read this request and knows WebSocket, and no cache can answer with something old. It is no password.",
  "sec-websocket-accept":
    "SHA-1 of the key and the text 258EAFA5-E914-47DA-95CA-C5AB0DC85B11, in base64. It need not be secret and SHA-1 need not be strong: what it shows is that the other end is a WebSocket server, which a mail server or a cache is not.",
  "sec-websocket-version":
    "13, the only one since 2011. The numbers below were drafts. A server that speaks others answers 426 and names them.",
  "sec-websocket-protocol":
    "What the messages mean, which WebSocket itself leaves open. The client offers names in its order of liking, the server picks one or none; a browser fails the connection if it offered some and got none. Tokens are hidden here at times, for want of a better place.",
  "sec-websocket-extensions":
    "Changes to the protocol itself, of which one is in use: permessage-deflate. The client makes offers with parameters, the server takes one and may narrow it. Each parameter binds the end that it names, so the two directions can differ.",
  host: "Which of the sites at this address is meant. A server that checks it cannot be reached by a page under a name that an attacker points at it (DNS rebinding).",
  origin:
    "Which page asks, in the browser's words; scripts cannot change it. The same-origin policy does not hold for WebSocket: any page may connect anywhere, cookies included. So a server with logins has to look at this header. Other programs can write into it what they like.",
  cookie:
    "Sent with the handshake as with any request to the host, whichever page asks. That makes logins work, and it makes the check of Origin necessary.",
  "sec-fetch-site":
    "How the asking page relates to the host, in the browser's words. A newer and plainer way to see what Origin says.",
};

/** @type {Record<string, string>} */
const SIDE_HEADERS = {
  "request user-agent": "For statistics and for working around old mistakes. Anybody can write anything here.",
  "request authorization": "Only programs can send this: browsers give scripts no way to set headers of a WebSocket.",
  "response set-cookie": "The answer to a handshake may set cookies like any other answer.",
  "response server": "Which program answers; more than a client needs to know.",
};

/** @param {FieldInfo} field */
function headerName(field) {
  return field.label.trim().toLowerCase();
}

/** @param {FieldInfo} field */
function reserved(field) {
  return field.value === "0"
    ? "Kept for extensions that nobody uses today. It has to be 0, so that one day it can mean something and today's receivers notice that they do not understand it."
    : "No extension gave this bit a meaning here. A receiver that ignored it might take data for what it is not, so it closes with 1002.";
}

/** @param {Shown} shown */
function opcodeOf(shown) {
  const field = shown.fields.find(({ name }) => name === "opcode");
  return field?.value.replace(/^0x[0-9A-F]\s+/i, "") ?? "";
}

/** @param {Shown} shown */
function isControl(shown) {
  const field = shown.fields.find(({ name }) => name === "opcode");
  return Number.parseInt(field?.value ?? "0", 16) >= 8;
}

/** @param {Shown} shown */
function isContinuation(shown) {
  return opcodeOf(shown) === "continuation";
}

/** @param {Shown} shown */
function isRequest(shown) {
  return shown.handshake?.kind === "request";
}
