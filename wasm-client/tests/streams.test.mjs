// What the client runs on: Node's sockets with TLS or without, the tunnel, and byte streams of one's own.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import test from "node:test";
import { startServer } from "../../tests/browser/support.mjs";
import {
  AnswerReader,
  agree,
  certificate,
  connect,
  deflate,
  echoServer,
  ending,
  next,
  openServer,
  record,
  WebSocketClient,
  WebSocketFrame,
  withResolvers,
  ws,
} from "./support.mjs";

test("TLS: certificates are checked", async (t) => {
  const server = createServer(certificate);
  new ws.WebSocketServer({ server }).on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address();

  for (const host of ["localhost", "127.0.0.1"]) {
    const trusting = connect(t, `wss://${host}:${port}/`, { tls: { ca: certificate.ca } });
    trusting.send(Buffer.alloc(300_000, 1));
    const [data] = await next(trusting, "message");
    assert.equal(data.length, 300_000);
    const { code, wasClean, error } = await ending(trusting.close(1000));
    assert.deepEqual([code, wasClean, error], [1000, true, undefined]);
  }
  const strict = await ending(connect(t, `wss://localhost:${port}/`));
  assert.deepEqual([strict.code, strict.error.code], [1006, "ERR_STREAM"]);
  assert.match(strict.error.message, /certificate/);
  const misled = connect(t, `wss://localhost:${port}/`, { tls: { ca: certificate.ca, servername: "example.com" } });
  assert.equal((await ending(misled)).error.cause.code, "ERR_TLS_CERT_ALTNAME_INVALID");
  // And one that speaks no TLS at all.
  const plain = await echoServer(t);
  assert.equal((await ending(connect(t, plain.url.replace("ws:", "wss:")))).error.code, "ERR_STREAM");
});

test("IPv6, in brackets", async (t) => {
  const server = await echoServer(t, { host: "::1" }).catch(() => undefined);
  if (!server) return t.diagnostic("this machine has no ::1");
  const client = connect(t, server.url.replace("127.0.0.1", "[::1]"));
  client.send("x");
  assert.equal((await next(client, "message"))[0].toString(), "x");
});

test("a stream that is slow to take bytes is not given more, and what waits is counted", async (t) => {
  const { url } = await echoServer(t);
  const { handlers, writes, client } = await scripted(t, url);
  assert.equal(client.bufferedAmount, 0);
  for (let i = 0; i < 10; i++) client.send(new Uint8Array(1000), { compress: false });
  // One is being written; the others wait, and then go as one.
  assert.equal(writes.length, 1);
  assert.equal(client.bufferedAmount, 10 * 1008);
  writes[0].taken();
  await new Promise(setImmediate);
  assert.deepEqual([writes.length, writes[1].bytes.length, client.bufferedAmount], [2, 9 * 1008, 9 * 1008]);
  writes[1].taken();
  await new Promise(setImmediate);
  assert.deepEqual([writes.length, client.bufferedAmount], [2, 0]);
  handlers.end();
  await next(client, "close");
});

test("pings are not read while their pongs cannot be written", async (t) => {
  const { url } = await echoServer(t);
  const { handlers, writes, client } = await scripted(t, url);
  let pings = 0;
  client.on("ping", () => pings++);
  const flood = Buffer.concat(Array(1000).fill(new WebSocketFrame(9, new Uint8Array(125)).toBytes()));
  const waits = [handlers.data(flood)];
  // The first pongs are being written; behind them 64 KiB may gather, and then the stream is told to wait.
  while (!waits.at(-1) && waits.length < 10) waits.push(handlers.data(flood));
  assert.ok(waits.at(-1) instanceof Promise, "it was told to wait");
  assert.ok(pings < 2000 && client.bufferedAmount < 400_000, `${pings} pings, ${client.bufferedAmount} bytes`);
  let isDone = false;
  waits.at(-1).then(() => {
    isDone = true;
  });
  for (let at = 0; !isDone; at++) {
    writes[at].taken();
    await new Promise(setImmediate);
  }
  assert.equal(pings, waits.length * 1000);
});

test("a server that does not read is not written to without end", async (t) => {
  const server = await openServer(t, (peer) => peer.socket.pause());
  const client = connect(t, server.url);
  await next(client, "open");
  const [at] = server.sockets;
  const message = new Uint8Array(1 << 20);
  for (let i = 0; i < 64; i++) client.send(message, { compress: false });
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  assert.ok(client.bufferedAmount > 32 << 20, `${client.bufferedAmount} bytes wait`);
  at.removeAllListeners("data").resume();
  while (client.bufferedAmount > 0) await new Promise(setImmediate);
});

test("many messages come as fast as they can be read, and none is lost", async (t) => {
  const count = 800;
  const server = await openServer(t, async (peer) => {
    const frame = Buffer.from(new WebSocketFrame(2, new Uint8Array(1 << 16)).toBytes());
    for (let i = 0; i < count; i++) if (!peer.socket.write(frame)) await once(peer.socket, "drain");
    peer.write(new WebSocketFrame(8).toBytes());
    await peer.frame();
    peer.socket.end();
  });
  const client = connect(t, server.url);
  let bytes = 0;
  client.on("message", (data) => {
    bytes += data.length;
  });
  await ending(client);
  assert.equal(bytes, count << 16);
});

/** A client on a stream that takes what is written when the test says so. */
async function scripted(t, url) {
  const writes = [];
  let handlers;
  const stream = (_, its) => {
    handlers = its;
    return {
      write: (bytes) => new Promise((taken) => writes.push({ bytes, taken })),
      end() {},
      destroy() {},
    };
  };
  const client = connect(t, url, { stream });
  const [, request] = await next(client, "wire");
  handlers.data(agree(request));
  await new Promise(setImmediate);
  writes.shift().taken();
  await new Promise(setImmediate);
  return { handlers, writes, client };
}

test("a stream that answers at once, from within", async (t) => {
  // An echo in memory: whatever is written comes back before `write` returns.
  let handlers;
  let isOpen = false;
  const stream = (_, its) => {
    handlers = its;
    return {
      async write(bytes) {
        if (!isOpen) {
          isOpen = true;
          handlers.data(agree(bytes));
          return;
        }
        let at = 0;
        while (at < bytes.length) {
          const frame = WebSocketFrame.load(bytes.subarray(at));
          at += frame.byteLength;
          frame.masked = false;
          handlers.data(Buffer.from(frame.toBytes()));
          if (frame.opcode === 8) handlers.end();
        }
      },
      end() {},
      destroy() {},
    };
  };
  const client = connect(t, "ws://nowhere.example/", { stream });
  const log = record(client);
  client.send("a").on("open", () => client.send("b"));
  await next(client, "message");
  client.send("c", { fragmentSize: 1 }).close(1000);
  await next(client, "close");
  assert.deepEqual(log, [
    ["open"],
    ["message", "a", false],
    ["message", "b", false],
    ["message", "c", false],
    ["close", 1000, "", true],
  ]);
});

/** The tunnel's protocol as a server has it: each connection is handed to `serve`, with what it said and how to answer. */
async function tunnelServer(t, serve) {
  const server = await echoServer(t);
  server.removeAllListeners("connection");
  server.on("connection", (socket, request) => {
    const said = [];
    socket.on("message", (data, isBinary) => {
      said.push(isBinary ? data : JSON.parse(data));
      socket.emit("said");
    });
    const until = async (found) => {
      while (!found(said)) await once(socket, "said");
    };
    serve({ socket, said, until, to: new URL(request.url, server.url).searchParams.get("to") });
  });
  // As in a page, where there is one.
  const { WebSocket } = globalThis;
  globalThis.WebSocket = ws.WebSocket;
  t.after(() => {
    globalThis.WebSocket = WebSocket;
  });
  return server.url.replace("ws:", "http:");
}

const bytesOf = (said) => Buffer.concat(said.filter((it) => Buffer.isBuffer(it)));

test("the tunnel: credit both ways, chunks, half-close", async (t) => {
  const all = withResolvers();
  const tunnel = await tunnelServer(t, async ({ socket, said, until, to }) => {
    assert.equal(to, "example.com:81");
    // Nothing is sent without credit but credit.
    await until((said) => said.length > 0);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    assert.deepEqual(said, [{ credit: 131072 }]);
    socket.send('{"credit":10}');
    await until((said) => bytesOf(said).length === 10);
    socket.send('{"credit":131072}');
    await until((said) => bytesOf(said).includes("\r\n\r\n"));
    const request = bytesOf(said);
    socket.send(agree(request));
    const taken = () => bytesOf(said).length - request.length;
    await until(() => taken() === 131072 + 10 - request.length);
    assert.ok(said.every((it) => !Buffer.isBuffer(it) || it.length <= 65536));
    socket.send('{"credit":1000000}');
    await until(() => taken() === 300_014);
    // 100 000 bytes down: we are told that they were taken.
    socket.send(new WebSocketFrame(2, new Uint8Array(100_000)).toBytes());
    const told = () => said.reduce((sum, it) => sum + (it.credit ?? 0), 0);
    await until(() => told() >= 131072 + 90_000);
    socket.send(new WebSocketFrame(8, Buffer.from([0x03, 0xe8])).toBytes());
    socket.send('{"eof":true}');
    await until((said) => said.some((it) => it.eof));
    socket.close(1000);
    all.resolve(bytesOf(said).subarray(-8));
  });
  const client = connect(t, "ws://example.com:81/x", { tunnel });
  const log = record(client, ["open", "error", "close"]);
  let length = 0;
  client.on("message", (data) => {
    length += data.length;
  });
  client.send(new Uint8Array(300_000), { compress: false });
  await next(client, "close");
  assert.deepEqual(log, [["open"], ["close", 1000, "", true]]);
  assert.equal(length, 100_000);
  assert.equal(WebSocketFrame.load(await all.promise).opcodeName, "close");
});

test("the tunnel: targets, refusals, and ends that come from nowhere", async (t) => {
  const targets = [];
  const tunnel = await tunnelServer(t, ({ socket, to }) => {
    targets.push(to);
    if (to === "refused.example:80") socket.send('{"error":"this target is not allowed"}', () => socket.close(1008));
    else if (to === "breaks.example:80") socket.send('{"error":"connection reset"}', () => socket.close(1011));
    else socket.close(1011, "went down");
  });
  const { host } = new URL(tunnel);
  for (const [url, to, says, options] of [
    [`ws://${host}/`, "self", /went down/],
    ["ws://[2001:db8::1]:81/", "[2001:db8::1]:81", /went down/],
    ["wss://secure.example/", "secure.example:443", /went down/],
    [`wss://${host}/`, host, /went down/],
    ["ws://refused.example/", "refused.example:80", /not allowed/],
    ["ws://breaks.example/", "breaks.example:80", /connection reset/],
    ["ws://by-name.example/", "reference", /went down/, { tunnel: `${tunnel}?to=reference` }],
  ]) {
    const { code, error } = await ending(connect(t, url, { tunnel, ...options }));
    assert.deepEqual([code, error.code, targets.pop()], [1006, "ERR_STREAM", to]);
    assert.match(error.message, says);
  }
  const none = await ending(connect(t, "ws://example.com/", { tunnel: "http://127.0.0.1:1/tunnel" }));
  assert.equal(none.error.code, "ERR_STREAM");
});

test("the tunnel of our own server leads to itself, and ends with the client", async (t) => {
  const server = await startServer(t);
  const { headers } = await fetch(`${server.url}/`);
  const cookie = headers
    .getSetCookie()
    .map((it) => it.split(";")[0])
    .join("; ");
  const { WebSocket } = globalThis;
  globalThis.WebSocket = class extends ws.WebSocket {
    constructor(url) {
      super(url, { headers: { cookie, origin: server.url } });
    }
  };
  t.after(() => {
    globalThis.WebSocket = WebSocket;
  });
  const client = connect(t, `${server.url}/echo`, { tunnel: `${server.url}/tunnel` });
  client.ping("through the tunnel");
  assert.equal((await next(client, "pong"))[0].toString(), "through the tunnel");
  const big = Buffer.alloc(1 << 20, "framescope ");
  for (const options of [{}, { compress: false }, { fragmentSize: 1000 }]) {
    client.send(big, options);
    const [data] = await next(client, "message");
    assert.ok(data.equals(big));
  }
  assert.deepEqual(await ending(client.close(1000)), { code: 1000, reason: "", wasClean: true, error: undefined });
});

test("without a client: a request by hand, and all of the answer to it", async (t) => {
  const { url } = await echoServer(t, { perMessageDeflate: { threshold: 0 } });
  const request = (key) =>
    Buffer.from(
      `GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n",
    );
  const talk = async (head, ...frames) => {
    const reader = new AnswerReader(head);
    const { promise: ended, resolve: end } = withResolvers();
    const found = [];
    const stream = await WebSocketClient.openStream(url, {
      data(bytes) {
        reader.feed(bytes);
        for (let frame = reader.frame(); frame; frame = reader.frame()) found.push(JSON.parse(frame));
        if (found.some(({ close }) => close)) end();
      },
      end,
      closed: end,
    });
    t.after(() => stream.destroy());
    for (const byte of head) await stream.write(Uint8Array.of(byte));
    for (const frame of frames) await stream.write(frame);
    await ended;
    return { head: JSON.parse(reader.head()), found, body: reader.body };
  };
  const hello = new WebSocketFrame(1, deflate(Buffer.from("Hello Hello Hello"), 9));
  Object.assign(hello, { rsv1: true, masked: true });
  const close = Object.assign(new WebSocketFrame(8, Uint8Array.of(3, 232)), { masked: true });
  const { head, found } = await talk(request("dGhlIHNhbXBsZSBub25jZQ=="), hello.toBytes(), close.toBytes());
  assert.deepEqual([head.status, head.acceptMatches, head.deflate.clientMaxWindowBits], [101, true, 9]);
  assert.equal(Buffer.from(found[0].message.payload, "hex").toString(), "Hello Hello Hello");
  assert.deepEqual(found[1].close, { code: 1000, reason: "" });

  const refused = await talk(request("short"));
  assert.equal(refused.head.status, 400);
  assert.match(refused.body, /Sec-WebSocket-Key/);

  await assert.rejects(WebSocketClient.openStream("http://127.0.0.1:1/", {}), { code: "ECONNREFUSED" });
  await assert.rejects(WebSocketClient.openStream("ftp://127.0.0.1/", {}), { code: "ERR_INVALID_ARGUMENT" });
  const given = WebSocketClient.openStream(url, {}, { signal: AbortSignal.abort(new Error("given up")) });
  await assert.rejects(given, { message: "given up" });
});
