// How connections end, and what is left of them.

import assert from "node:assert/strict";
import test from "node:test";
import {
  connect,
  echoServer,
  ending,
  hex,
  moduleMemory,
  next,
  openServer,
  rawServer,
  record,
  WebSocketClient,
  withResolvers,
} from "./support.mjs";

const clean = (code, reason = "") => ({ code, reason, wasClean: true, error: undefined });
const cut = { code: 1006, reason: "", wasClean: false, error: undefined };

test("the server closes the stream, after both have said Close", async (t) => {
  let endedFirst;
  const server = await openServer(t, async (peer) => {
    const { code } = await peer.frame();
    peer.write(hex("88 05 0fa0 627965"));
    // A client that ends its half here would be too early (RFC 6455, 7.1.1).
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    endedFirst = peer.hasEnded ? "client" : `server, told ${code}`;
    peer.socket.end();
  });
  const client = connect(t, server.url);
  await next(client, "open");
  assert.deepEqual(await ending(client.close(3000, "enough")), clean(4000, "bye"));
  assert.equal(endedFirst, "server, told 3000");
});

test("a server's Close is answered, once, with its own code", async (t) => {
  for (const [bytes, code, reason, answer] of [
    ["88 00", 1005, "", undefined],
    ["88 02 03e8", 1000, "", 1000],
    ["88 07 03e9 676f6e6521", 1001, "gone!", 1001],
  ]) {
    const told = withResolvers();
    const server = await openServer(t, async (peer) => {
      peer.write(hex(bytes));
      const first = await peer.frame();
      peer.socket.end();
      told.resolve([first, await peer.frame()]);
    });
    assert.deepEqual(await ending(connect(t, server.url)), clean(code, reason));
    const frames = await told.promise;
    assert.equal(frames[0].name, "close");
    assert.equal(frames[0].code, answer);
    assert.equal(frames[1], undefined);
  }
});

test("a server that ends its half with its Close still gets ours", async (t) => {
  const told = withResolvers();
  const server = await openServer(t, (peer) => {
    peer.socket.end(hex("88 02 03e8"));
    told.resolve(peer.frame());
  });
  assert.deepEqual(await ending(connect(t, server.url)), clean(1000));
  assert.equal((await told.promise).code, 1000);
});

test("patience ends", async (t) => {
  const never = await openServer(t, () => {});
  const client = connect(t, never.url, { closeTimeout: 30 });
  await next(client, "open");
  assert.deepEqual(await ending(client.close()), cut);

  const polite = await openServer(t, async (peer) => {
    await peer.frame();
    peer.write(hex("88 02 03e8"));
  });
  // It waits in vain for the end of the stream, and for the Close long enough on a machine that is busy.
  const other = connect(t, polite.url, { closeTimeout: 1000 });
  await next(other, "open");
  assert.deepEqual(await ending(other.close(1000)), clean(1000));

  const talkative = await openServer(t, (peer) => {
    peer.write(hex("83 00"));
    peer.socket.write(Buffer.alloc(8 << 20));
  });
  const { error } = await ending(connect(t, talkative.url));
  assert.equal(error.rule, "reserved-data-opcode");
});

test("what was sent before it was open is sent, and a close behind it", async (t) => {
  const server = await echoServer(t);
  const client = connect(t, server.url);
  const log = record(client);
  const bytes = Buffer.from([1]);
  client.send("first").send(bytes).ping("p").close(1000, "that is all").send("too late");
  bytes[0] = 2;
  assert.equal(client.readyState, client.CLOSING);
  assert.equal(client.bufferedAmount, 7);
  await next(client, "close");
  assert.deepEqual(log, [
    ["open"],
    ["message", "first", false],
    ["message", "\u0001", true],
    ["pong", "p"],
    ["close", 1000, "that is all", true],
  ]);
});

test("terminate and dispose cut it off at any time", async (t) => {
  const server = await echoServer(t);
  const now = connect(t, server.url);
  now.terminate();
  assert.deepEqual(await ending(now), cut);

  const connecting = connect(t, server.url);
  setImmediate(() => connecting.terminate());
  assert.deepEqual(await ending(connecting), cut);

  const open = connect(t, server.url);
  await next(open, "open");
  open.send("never seen");
  open[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  assert.deepEqual([await ending(open), open.readyState], [cut, open.CLOSED]);

  const closing = connect(t, server.url);
  await next(closing, "open");
  closing.close();
  closing.terminate();
  assert.deepEqual(await ending(closing), cut);
});

test("a listener may do anything at any time", async (t) => {
  const server = await echoServer(t);
  const everything = ["open", "message", "ping", "pong", "wire", "frame"];
  server.on("connection", (socket) => {
    socket.ping("p");
    for (let i = 0; i < 3; i++) socket.send("x");
  });
  for (const event of everything) {
    for (const [what, act] of Object.entries({
      terminate: (client) => client.terminate(),
      close: (client) => client.close(1000),
      "send, then close": (client) => client.send("y").ping().close(1000),
      "take off": (client) => client.removeAllListeners(event),
      "send, then terminate": (client) => client.send("y".repeat(100_000)).terminate(),
    })) {
      const client = connect(t, server.url);
      client.ping("q");
      client.on(event, () => act(client));
      if (what === "take off") setTimeout(() => client.close(1000), 20);
      const { code, error } = await ending(client);
      assert.equal(error, undefined, `${what} in ${event}`);
      assert.ok(code === (what.includes("terminate") ? 1006 : 1000), `${what} in ${event}: ${code}`);
    }
  }
  // One that answers each message with another, without end, until it has had enough.
  const client = connect(t, server.url);
  let count = 0;
  client.on("message", (data) => (++count < 500 ? client.send(data) : client.terminate()));
  await next(client, "close");
  assert.equal(count, 500);
});

/** Collects garbage until this holds; false if it does not come to that. */
async function collected(holds) {
  for (let turn = 0; turn < 200; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (holds()) return true;
  }
  return false;
}

test("a thousand connections leave nothing behind", async (t) => {
  const server = await echoServer(t, { perMessageDeflate: { threshold: 0 } });
  const round = async (count) => {
    const clients = Array.from({ length: count }, () => new WebSocketClient(server.url));
    for (const client of clients) client.send("x".repeat(5000), { fragmentSize: 1000 });
    // All at once, so that each round needs as much at its height.
    await Promise.all(clients.map((client) => next(client, "message")));
    const ended = clients.map(ending);
    for (const [at, client] of clients.entries()) {
      if (at % 3 === 0) client.terminate();
      else client.close(1000);
    }
    await Promise.all(ended);
  };
  await round(100);
  await collected(() => server.clients.size === 0);
  const [before, moduleBefore] = [process.memoryUsage(), moduleMemory()];
  for (let i = 0; i < 10; i++) await round(100);
  const grown = (what) => process.memoryUsage()[what] - before[what];
  // What a thousand connections held, had it stayed, would be hundreds of MiB.
  const isBack = () => server.clients.size === 0 && grown("arrayBuffers") < 1 << 20 && grown("heapUsed") < 4 << 20;
  assert.ok(await collected(isBack), `${grown("arrayBuffers")} and ${grown("heapUsed")} bytes are left`);
  // A module's memory never shrinks: it must not have grown either, but for a hole or two in it.
  assert.ok(moduleMemory() - moduleBefore < 1 << 20, `${moduleBefore} -> ${moduleMemory()}`);
  const handles = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap" || name === "Timeout");
  assert.deepEqual(handles, []);
});

test("a client that nobody holds or listens to is cut off, and one that somebody listens to is not", async (t) => {
  const server = await openServer(t, (peer) => peer.end().then(() => peer.socket.end()));
  let opened = 0;
  (() => {
    for (let i = 0; i < 5; i++) new WebSocketClient(server.url).ping("keeps nothing alive");
    new WebSocketClient(server.url).on("ping", () => {}).once("open", () => opened++);
  })();
  while (server.sockets.size < 6 || opened === 0) await new Promise(setImmediate);
  assert.ok(await collected(() => server.sockets.size === 1), `${server.sockets.size} are left`);
  for (let turn = 0; turn < 5; turn++) await collected(() => true);
  assert.equal(server.sockets.size, 1);
});

test("a connection that is cut while it opens leaves no socket", async (t) => {
  const server = await rawServer(t, () => {});
  const clients = Array.from({ length: 20 }, () => connect(t, server.url, { handshakeTimeout: 40 }));
  const ended = await Promise.all(clients.map(ending));
  assert.ok(ended.every(({ error }) => error.code === "ERR_TIMEOUT"));
  while (server.sockets.size > 0) {
    for (const socket of server.sockets) socket.end();
    await new Promise(setImmediate);
  }
});
