// Messages both ways, against the npm package `ws` and against our own server.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import test from "node:test";
import { startServer } from "../../tests/browser/support.mjs";
import { connect, echoServer, ending, next, openServer, record, WebSocketClient, WebSocketFrame } from "./support.mjs";

/** Each is run against both. */
async function servers(t) {
  const ours = await startServer(t);
  return {
    ws: (await echoServer(t)).url,
    "ws, compressing": (await echoServer(t, { perMessageDeflate: { threshold: 0 } })).url,
    framescope: `${ours.url.replace("http", "ws")}/echo`,
  };
}

test("everything that can be said comes back", async (t) => {
  const random = crypto.getRandomValues(new Uint8Array(60_000));
  const messages = [
    "",
    "Hello",
    "grüße 🙂 \u0000",
    "x".repeat(125),
    "x".repeat(126),
    "long ".repeat(20_000),
    new Uint8Array(0),
    new Uint8Array([0, 255]),
    new Uint8Array(1 << 20).fill(7),
    Buffer.concat(Array(18).fill(random)),
  ];
  for (const [name, url] of Object.entries(await servers(t))) {
    await t.test(name, async (t) => {
      for (const compression of [true, false]) {
        const client = connect(t, url, { compression });
        const got = [];
        client.on("message", (data, isBinary) => got.push([data, isBinary]));
        await next(client, "open");
        assert.equal(client.extensions.startsWith("permessage-deflate"), compression && name !== "ws");
        for (const fragmentSize of [0, 1000]) {
          got.length = 0;
          for (const message of messages) client.send(message, { fragmentSize });
          while (got.length < messages.length) await next(client, "message");
          for (const [at, message] of messages.entries()) {
            assert.equal(got[at][1], typeof message !== "string", `the kind of ${at}`);
            assert.ok(got[at][0].equals(Buffer.from(message)), `the bytes of ${at}`);
          }
        }
        assert.equal(client.bufferedAmount, 0);
        assert.deepEqual(await ending(client.close(1000, "done")), {
          code: 1000,
          reason: name === "framescope" ? "" : "done",
          wasClean: true,
          error: undefined,
        });
      }
    });
  }
});

test("what is no binary goes out as text", async (t) => {
  const client = connect(t, (await echoServer(t)).url);
  const got = [];
  client.on("message", (data, isBinary) => got.push(isBinary ? [...data] : data.toString()));
  client
    .send(42)
    .send(null)
    .send(undefined)
    .send({ toString: () => "an object" })
    .send([1, 2])
    .send("\ud800");
  client
    .send(new Uint16Array([1, 2]).subarray(1))
    .send(new DataView(new ArrayBuffer(3), 1))
    .send(new ArrayBuffer(2));
  client.send(Buffer.from("Buffer"));
  while (got.length < 10) await next(client, "message");
  assert.deepEqual(got.slice(0, 6), ["42", "null", "undefined", "an object", "1,2", "\ufffd"]);
  assert.deepEqual(got.slice(6), [[2, 0], [0, 0], [0, 0], [...Buffer.from("Buffer")]]);
});

test("fragments are as long as was asked for, on the wire", async (t) => {
  const server = await openServer(t, async (peer) => {
    const frames = [];
    for (let i = 0; i < 4; i++) frames.push(await peer.frame());
    peer.write(new WebSocketFrame(1, Buffer.from(JSON.stringify(frames))).toBytes());
  });
  const client = connect(t, server.url);
  client.send("Hello, fragments", { fragmentSize: 5 });
  const [data] = await next(client, "message");
  const shape = JSON.parse(data).map(({ name, fin, masked, payload }) => [
    name,
    fin,
    masked,
    Buffer.from(payload).toString(),
  ]);
  assert.deepEqual(shape, [
    ["text", false, true, "Hello"],
    ["continuation", false, true, ", fra"],
    ["continuation", false, true, "gment"],
    ["continuation", true, true, "s"],
  ]);
});

test("compression can be asked for in detail, and left out for one message", async (t) => {
  const server = await echoServer(t, { perMessageDeflate: { threshold: 0 } });
  const client = connect(t, server.url, {
    compression: {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 9,
      threshold: 0,
    },
  });
  const flags = [];
  client.on("frame", (direction, bytes) => direction === "c2s" && flags.push(WebSocketFrame.load(bytes).rsv1));
  await next(client, "open");
  for (const parameter of ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=10"]) {
    assert.ok(client.extensions.includes(parameter), client.extensions);
  }
  client
    .send("squeeze ".repeat(1000))
    .send("leave as it is ".repeat(1000), { compress: false })
    .send("squeeze ".repeat(1000));
  for (const expected of ["squeeze ", "leave as it is ", "squeeze "]) {
    const [data] = await next(client, "message");
    assert.equal(data.toString(), expected.repeat(1000));
  }
  assert.deepEqual(flags, [true, false, true]);
});

test("pings are answered, and ours come back", async (t) => {
  const server = await echoServer(t);
  const answered = new Promise((resolve) => {
    server.on("connection", (socket) => {
      socket.on("pong", (data) => resolve(data.toString()));
      socket.ping("from the server");
    });
  });
  const client = connect(t, server.url);
  const log = record(client, ["open", "ping", "pong"]);
  client.ping("early");
  await next(client, "pong");
  client
    .ping()
    .ping(new Uint8Array([65]))
    .ping("x".repeat(125));
  while (log.length < 6) await next(client, "pong");
  assert.equal(await answered, "from the server");
  assert.deepEqual(
    log.filter(([event]) => event === "pong").map(([, data]) => data),
    ["early", "", "A", "x".repeat(125)],
  );
  assert.deepEqual(
    log.find(([event]) => event === "ping"),
    ["ping", "from the server"],
  );
  // An unasked pong is nothing to answer.
  client.pong("unasked").send("still here");
  assert.equal((await next(client, "message"))[0].toString(), "still here");
});

test("subprotocols, headers and the rest of the handshake", async (t) => {
  const server = await echoServer(t, { handleProtocols: (offered) => [...offered][1] });
  const request = new Promise((resolve) => server.on("connection", (_, request) => resolve(request)));
  const url = new URL(server.url);
  url.pathname = "/a b";
  url.search = "?q=ü";
  const client = connect(t, url, {
    protocols: ["chat", "superchat"],
    headers: { Origin: "http://example.com", "X-Two": ["1", "2"] },
  });
  await next(client, "open");
  const { headers, url: path } = await request;
  assert.equal(client.protocol, "superchat");
  assert.equal(client.extensions, "");
  assert.equal(client.url, `${server.url}a%20b?q=%C3%BC`);
  assert.equal(path, "/a%20b?q=%C3%BC");
  assert.deepEqual([headers.origin, headers["x-two"], headers.host], ["http://example.com", "1, 2", url.host]);
});

test("the client is one of Node's EventEmitters, and its data are Buffers", async (t) => {
  const server = await echoServer(t);
  const client = connect(t, server.url.replace("ws:", "http:"));
  assert.ok(client instanceof EventEmitter);
  assert.equal(client.url, server.url);
  assert.deepEqual([WebSocketClient.CONNECTING, client.OPEN, client.CLOSING, WebSocketClient.CLOSED], [0, 1, 2, 3]);
  assert.equal(client.readyState, client.CONNECTING);
  const never = () => assert.fail("was taken off");
  assert.equal(client.on("open", never).once("open", never).off("open", never).removeListener("open", never), client);
  const [data, isBinary] = await new Promise((resolve) =>
    client.send("x").addListener("message", (...args) => resolve(args)),
  );
  assert.ok(Buffer.isBuffer(data) && isBinary === false);
  assert.equal(client.readyState, client.OPEN);
  assert.equal(client.removeAllListeners("message").listenerCount("message"), 0);
});

test("the wire and its frames are there for whoever looks", async (t) => {
  const server = await echoServer(t);
  const client = connect(t, server.url, { compression: false });
  const wire = { c2s: [], s2c: [] };
  const frames = [];
  client.on("wire", (direction, bytes) => wire[direction].push(bytes));
  client.on("frame", (direction, bytes) => frames.push([direction, WebSocketFrame.load(bytes)]));
  const events = record(client);
  await next(client, "open");
  client.send("ab", { fragmentSize: 1 }).ping("p");
  await next(client, "pong");
  await ending(client.close());
  const all = (direction) => Buffer.concat(wire[direction]).toString("latin1");
  assert.match(all("c2s"), /^GET \/ HTTP\/1\.1\r\nHost: /);
  assert.match(all("s2c"), /^HTTP\/1\.1 101 /);
  assert.deepEqual(
    frames.map(([direction, { opcodeName, masked, payload }]) => [
      direction,
      opcodeName,
      masked,
      Buffer.from(payload).toString("latin1"),
    ]),
    [
      ["c2s", "text", true, "a"],
      ["c2s", "continuation", true, "b"],
      ["c2s", "ping", true, "p"],
      ["s2c", "text", false, "ab"],
      ["s2c", "pong", false, "p"],
      ["c2s", "close", true, ""],
      ["s2c", "close", false, ""],
    ],
  );
  // What was on the wire behind the two heads is the frames and nothing else.
  for (const direction of ["c2s", "s2c"]) {
    const bytes = all(direction).split("\r\n\r\n").slice(1).join("\r\n\r\n");
    const cut = frames
      .filter(([its]) => its === direction)
      .map(([, frame]) => Buffer.from(frame.toBytes()).toString("latin1"));
    assert.equal(bytes, cut.join(""));
  }
  assert.deepEqual(events, [["open"], ["message", "ab", false], ["pong", "p"], ["close", 1005, "", true]]);
});
