// What goes wrong, and how one is told: the error names what and where, and `close` comes last.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import { startServer } from "../../tests/browser/support.mjs";
import {
  agree,
  connect,
  echoServer,
  ending,
  hex,
  next,
  openServer,
  rawServer,
  record,
  WebSocketClient,
  withResolvers,
} from "./support.mjs";

test("the constructor throws for what is no address or option, and for nothing else", () => {
  const invalid = { name: "WebSocketClientError", code: "ERR_INVALID_ARGUMENT" };
  const nowhere = "ws://127.0.0.1:1/";
  for (const [url, options] of [
    ["not an address"],
    ["ftp://example.com/"],
    ["ws://"],
    ["ws://user:secret@example.com/"],
    ["ws://example.com/#top"],
    [undefined],
    [nowhere, null],
    [nowhere, { protocols: "no token" }],
    [nowhere, { protocols: ["twice", "twice"] }],
    [nowhere, { protocols: 7 }],
    [nowhere, { headers: { Host: "example.com" } }],
    [nowhere, { headers: { "Sec-WebSocket-Key": "x" } }],
    [nowhere, { headers: { "X-Injected": "a\r\nX-More: b" } }],
    [nowhere, { headers: 7 }],
    [nowhere, { compression: "yes" }],
    [nowhere, { compression: { serverMaxWindowBits: 16 } }],
    [nowhere, { compression: { level: 0 } }],
    [nowhere, { messageMax: -1 }],
    [nowhere, { handshakeTimeout: Number.NaN }],
    [nowhere, { stream: "tcp" }],
    [nowhere, { tunnel: "http://[" }],
    [nowhere, { compresion: false }],
    [nowhere, { compression: { levle: 1 } }],
  ]) {
    assert.throws(() => new WebSocketClient(url, options), invalid, `${url} ${JSON.stringify(options)}`);
  }
});

test("arguments that cannot be sent throw before the close, and none do after it", async (t) => {
  const client = connect(t, (await echoServer(t)).url);
  const invalid = { code: "ERR_INVALID_ARGUMENT" };
  const wrong = () => [
    () => client.ping("x".repeat(126)),
    () => client.pong(new Uint8Array(126)),
    () => client.close(1001),
    () => client.close(1005),
    () => client.close(2999),
    () => client.close(5000),
    () => client.close("1000"),
    () => client.close(1000, "x".repeat(124)),
    () => client.close(1000, hex("ff")),
    () => client.send("x", { fragmentSize: -1 }),
    () => client.send(Object.create(null)),
    () => client.ping(Object.create(null)),
    () => client.sendRaw("text"),
    () => client.sendFrame({}),
    () => client.sendFrame(undefined),
  ];
  for (const call of wrong()) assert.throws(call, invalid);
  await next(client, "open");
  for (const call of wrong()) assert.throws(call, invalid);
  client.send("without options", null);
  const closed = ending(client.close(4999, "é".repeat(61)));
  for (const call of wrong()) call();
  assert.deepEqual(await closed, { code: 4999, reason: "é".repeat(61), wasClean: true, error: undefined });
  const log = record(client);
  for (const call of wrong()) call();
  client.send("x").ping().pong().close().sendRaw(hex("00")).sendFrame(undefined).terminate();
  client[Symbol.dispose]?.();
  client.free();
  assert.equal(client.readyState, client.CLOSED);
  assert.equal(client.bufferedAmount, 0);
  await new Promise(setImmediate);
  assert.deepEqual(log, []);
});

test("a refusal says what the server answered", async (t) => {
  const server = createServer((_, response) => response.writeHead(404, { "X-Why": "because" }).end("no such page"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { code, wasClean, error } = await ending(connect(t, `ws://127.0.0.1:${server.address().port}/`));
  assert.deepEqual([code, wasClean, error.code, error.status], [1006, false, "ERR_HANDSHAKE", 404]);
  assert.match(error.response, /^HTTP\/1\.1 404 Not Found\r\n(.*\r\n)*X-Why: because\r\n/);
  assert.match(error.message, /404 Not Found/);
});

test("the body of a refusal is waited for, but not for ever", async (t) => {
  const server = await rawServer(t, async (peer) => {
    const [, path] = (await peer.readHead()).split(" ");
    const length = path === "/whole" ? "Content-Length: 12\r\n" : "";
    peer.write(`HTTP/1.1 403 Forbidden\r\n${length}\r\nnot `);
    setImmediate(() => {
      peer.write("for you");
      if (path === "/whole") peer.write("!and more");
      if (path === "/ended") peer.socket.end();
    });
  });
  for (const path of ["whole", "ended", "endless"]) {
    const { error } = await ending(connect(t, `${server.url}${path}`));
    assert.match(error.response, path === "whole" ? /\r\n\r\nnot for you!/ : /\r\n\r\nnot for you$/, path);
    assert.equal(error.status, 403);
  }
});

test("our own server's refusal", async (t) => {
  const server = await startServer(t);
  const url = server.url.replace("http", "ws");
  const { error } = await ending(connect(t, `${url}/echo`, { headers: { Origin: "http://evil.example" } }));
  assert.deepEqual([error.code, error.status], ["ERR_HANDSHAKE", 403]);
});

test("an answer that breaks a rule names it", async (t) => {
  const start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const answers = {
    "accept-mismatch": `${start}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`,
    "missing-accept": `${start}\r\n`,
    "malformed-status-line": "SSH-2.0-OpenSSH_10.0\r\n\r\n",
    "head-too-large": `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}`,
  };
  for (const [rule, answer] of Object.entries(answers)) {
    const server = await rawServer(t, async (peer) => {
      await peer.readHead();
      peer.write(answer);
    });
    const { code, error } = await ending(connect(t, server.url));
    assert.deepEqual([code, error.code, error.rule], [1006, "ERR_HANDSHAKE", rule]);
    assert.match(error.section, /^RFC \d+, /);
    assert.ok(error.message.includes(error.section));
  }
  for (const [rule, headers] of [
    ["protocol-not-offered", "Sec-WebSocket-Protocol: chat\r\n"],
    ["extension-not-offered", "Sec-WebSocket-Extensions: x-unheard-of\r\n"],
    ["illegal-deflate-answer", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"],
  ]) {
    const { error } = await ending(connect(t, (await openServer(t, () => {}, headers)).url));
    assert.equal(error.rule, rule);
  }
});

test("nobody there, nobody who answers, nobody who stays", async (t) => {
  const gone = await rawServer(t, () => {});
  gone.server.close();
  const refused = await ending(connect(t, gone.url));
  assert.deepEqual([refused.code, refused.error.code, refused.error.cause.code], [1006, "ERR_STREAM", "ECONNREFUSED"]);

  const silent = await rawServer(t, () => {});
  const late = await ending(connect(t, silent.url, { handshakeTimeout: 50 }));
  assert.deepEqual([late.code, late.error.code], [1006, "ERR_TIMEOUT"]);

  const leaving = await rawServer(t, async (peer) => {
    await peer.readHead();
    peer.socket.end();
  });
  const left = await ending(connect(t, leaving.url));
  assert.deepEqual([left.code, left.error.code, left.error.status], [1006, "ERR_HANDSHAKE", undefined]);

  const forgetful = await openServer(t, (peer) => peer.socket.end());
  const forgotten = await ending(connect(t, forgetful.url));
  assert.deepEqual(forgotten, { code: 1006, reason: "", wasClean: false, error: undefined });
});

test("a server that ends its half and reads no more does not hold us up", async (t) => {
  const server = await openServer(t, (peer) => {
    peer.socket.pause();
    peer.socket.end();
  });
  const client = connect(t, server.url);
  await next(client, "open");
  const ended = ending(client);
  client.send(new Uint8Array(64 << 20), { compress: false });
  assert.equal((await ended).code, 1006);
});

test("a stream that breaks says why", async (t) => {
  const { url } = await echoServer(t);
  for (const when of ["opening", "asking", "open", "writing"]) {
    // A stream to nowhere, that answers with what another client was answered.
    let handlers;
    const stream = async (_, its) => {
      handlers = its;
      if (when === "opening") throw new Error("no way");
      return {
        async write() {
          if (when === "asking") setImmediate(() => handlers.closed(new Error("no way")));
          else if (client.readyState === client.OPEN) throw new Error("no way");
        },
        end() {},
        destroy() {},
      };
    };
    const client = connect(t, url, { stream, headers: { "X-Key": "1" } });
    const ended = ending(client);
    if (when === "open" || when === "writing") {
      const [, request] = await next(client, "wire");
      handlers.data(agree(request));
      assert.equal(client.readyState, client.OPEN);
      if (when === "open") handlers.closed(new Error("no way"));
      else client.send("x");
    }
    const { code, wasClean, error } = await ended;
    assert.deepEqual([code, wasClean, error.code, error.cause.message], [1006, false, "ERR_STREAM", "no way"], when);
    assert.match(error.message, /no way$/);
  }
});

test("a server that breaks a rule is told so, and so are we", async (t) => {
  const deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  for (const [bytes, rule, closeCode, headers] of [
    ["81 01 ff", "invalid-utf8", 1007],
    ["01 02 f09f 80 01 41", "invalid-utf8", 1007],
    ["01 01 ff", "invalid-utf8", 1007],
    ["81 81 01020304 40", "masked-from-server", 1002],
    ["c1 00", "rsv1-without-extension", 1002],
    ["a1 00", "rsv2-without-extension", 1002],
    ["83 00", "reserved-data-opcode", 1002],
    ["8b 00", "reserved-control-opcode", 1002],
    ["09 00", "fragmented-control", 1002],
    ["89 7e 0080", "long-control", 1002],
    ["82 7e 0001 41", "length-not-minimal", 1002],
    ["82 7f 8000000000000000", "length-top-bit", 1002],
    ["80 00", "continuation-without-message", 1002],
    ["01 01 41 81 01 41", "message-interrupted", 1002],
    ["88 01 03", "close-payload-of-one-byte", 1002],
    ["88 02 03ed", "invalid-close-code", 1002],
    ["88 03 03e8 ff", "invalid-close-reason", 1007],
    ["c1 04 ffffffff", "invalid-deflate", 1007, deflate],
    ["c9 00", "rsv1-on-control", 1002, deflate],
  ]) {
    const hears = withResolvers();
    const server = await openServer(
      t,
      async (peer) => {
        peer.write(hex(bytes));
        hears.resolve(await peer.frame());
        await peer.end();
        peer.socket.end();
      },
      headers,
    );
    const client = connect(t, server.url);
    // Who cuts it at once does not keep the server from hearing of it.
    if (rule === "invalid-utf8") client.on("error", () => client.terminate());
    const { code, wasClean, error } = await ending(client);
    assert.deepEqual([code, wasClean], [1006, false], rule);
    assert.deepEqual([error.code, error.rule, error.closeCode], ["ERR_PROTOCOL", rule, closeCode]);
    assert.match(error.section, /^RFC \d+, /);
    const told = await hears.promise;
    assert.deepEqual([told.name, told.code, told.masked], ["close", closeCode, true], rule);
  }
});

test("messages over a limit are refused before they are held", async (t) => {
  const big = await echoServer(t, { perMessageDeflate: { threshold: 0 } });
  for (const [length, options, rule] of [
    [1000, {}, undefined],
    [1001, {}, "message-too-big"],
    [1001, { compression: false }, "message-too-big"],
    [3, { fragmentsMax: 2 }, undefined],
  ]) {
    const client = connect(t, big.url, { messageMax: 1000, ...options });
    const ended = ending(client);
    client.send("x".repeat(length));
    if (rule) {
      const { code, error } = await ended;
      assert.deepEqual([code, error.code, error.rule, error.closeCode], [1006, "ERR_LIMIT", rule, 1009]);
    } else {
      assert.equal((await next(client, "message"))[0].length, length);
    }
  }
  const fragments = await openServer(t, (peer) => peer.write(hex("01 01 41 00 01 41 00 01 41")));
  const { error } = await ending(connect(t, fragments.url, { fragmentsMax: 2, closeTimeout: 50 }));
  assert.deepEqual([error.code, error.rule], ["ERR_LIMIT", "too-many-fragments"]);
});

test("a listener that throws disturbs nobody but itself", async (t) => {
  const thrown = [];
  const catchIt = (error) => thrown.push(error.message);
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", catchIt);
  t.after(() => {
    process.off("uncaughtException", catchIt);
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  const client = connect(t, (await echoServer(t)).url);
  const got = [];
  client.on("message", (data) => {
    got.push(data.toString());
    throw new Error(`no good: ${data}`);
  });
  client.send("one").send("two");
  while (got.length < 2) await new Promise(setImmediate);
  await next(client.close(), "close");
  assert.deepEqual(got, ["one", "two"]);
  assert.deepEqual(thrown, ["no good: one", "no good: two"]);
  // An error that nobody listens to is thrown where nobody catches it, and the close comes all the same.
  const gone = await rawServer(t, () => {});
  gone.server.close();
  await next(connect(t, gone.url), "close");
  assert.match(thrown[2], /ECONNREFUSED/);
});
