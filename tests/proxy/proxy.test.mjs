// The proxy between clients and servers that are not ours: what goes in on one side comes out on the other, to the byte.
//
// Environment: FRAMESCOPE_PYTHON, a Python with the package websockets.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../browser/support.mjs";
import { startChain } from "./support.mjs";

const { WebSocket, WebSocketServer } = createRequire(new URL("../reference/package.json", import.meta.url))("ws");

const PYTHON = process.env.FRAMESCOPE_PYTHON ?? "python3";
const PEER = fileURLToPath(new URL("peer.py", import.meta.url));
const MIB = 1 << 20;

/** Text that deflate makes small, bytes that it does not, the empty ones, and one mebibyte of either. */
const TALK = ["", "hello", "héllo, 🌍", "0123456789abcdef".repeat(MIB / 16), Buffer.alloc(0), randomBytes(MIB)];

// ---- Servers: each gives its port -----------------------------------------------------------------

async function startWs(t, deflates) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: deflates && { threshold: 0 } });
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on("error", () => {});
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return server.address().port;
}

async function startPython(t, deflates) {
  const python = spawn(PYTHON, [PEER, "server", deflates ? "deflate" : "plain"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => python.kill("SIGKILL"));
  const [line] = await once(createInterface(python.stdout), "line");
  return Number(line);
}

// ---- Clients: each says its piece, hears it back, and closes ---------------------------------------

async function talkAsWs(_t, port, deflates) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/a/path?with=query`, {
    perMessageDeflate: deflates && { threshold: 0 },
    origin: "https://pages.example",
    headers: { Cookie: "a=b; c=d" },
  });
  await once(socket, "open");
  assert.equal(socket.extensions.includes("permessage-deflate"), deflates);
  for (const said of TALK) {
    socket.send(said);
    const [heard, isBinary] = await once(socket, "message");
    assert.equal(isBinary, typeof said !== "string");
    assert.ok(Buffer.from(said).equals(heard));
  }
  // In fragments, with a ping between them.
  socket.send("in ", { fin: false });
  socket.ping("are you there?");
  socket.send("two", { fin: true });
  const [[pong], [heard]] = await Promise.all([once(socket, "pong"), once(socket, "message")]);
  assert.deepEqual([pong.toString(), heard.toString()], ["are you there?", "in two"]);
  socket.close(4000, "that was it");
  const [code, reason] = await once(socket, "close");
  assert.deepEqual([code, reason.toString()], [4000, "that was it"]);
}

async function talkAsPython(_t, port, deflates) {
  const args = [PEER, "client", deflates ? "deflate" : "plain", `ws://127.0.0.1:${port}/`];
  const python = spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [code]] = await Promise.all([once(createInterface(python.stdout), "line"), once(python, "exit")]);
  assert.deepEqual([said[0], code], ["agreed", 0]);
}

async function talkAsChromium(t, port, deflates) {
  const browser = await startBrowser(t);
  const page = await browser.newPage();
  const agreed = await page.evaluate(
    async ([address, mebibyte]) => {
      const socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      const event = (name) => new Promise((done) => socket.addEventListener(name, done, { once: true }));
      await event("open");
      const noise = new Uint8Array(mebibyte);
      for (let at = 0; at < mebibyte; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));
      const talk = ["", "hello", "héllo, 🌍", "0123456789abcdef".repeat(mebibyte / 16), new Uint8Array(0), noise];
      for (const said of talk) {
        socket.send(said);
        const { data: heard } = await event("message");
        const isSame =
          typeof said === "string"
            ? said === heard
            : said.length === heard.byteLength && new Uint8Array(heard).every((byte, at) => byte === said[at]);
        if (!isSame) throw new Error(`not what was said: ${said.length}`);
      }
      socket.close(4000, "that was it");
      const { code, reason, wasClean } = await event("close");
      return { extensions: socket.extensions, code, reason, wasClean };
    },
    [`ws://127.0.0.1:${port}/`, MIB],
  );
  assert.equal(agreed.extensions.includes("permessage-deflate"), deflates);
  assert.deepEqual([agreed.code, agreed.reason, agreed.wasClean], [4000, "that was it", true]);
}

// ---- The tests ------------------------------------------------------------------------------------

/** What came in at one side of the proxy is what went out at the other, and both ends were passed on. */
function assertSame(accounts, count) {
  assert.equal(accounts.length, count);
  for (const { client, upstream, head } of accounts) {
    assert.ok(upstream, "it reached the upstream");
    assert.equal(upstream.head, head);
    assert.equal(upstream.sent.sum, client.sent.sum, "what the client sent");
    assert.equal(client.received.sum, upstream.received.sum, "what the server sent");
    assert.deepEqual(
      [client.ended.toSorted(), upstream.ended.toSorted()],
      [
        ["client", "upstream"],
        ["client", "upstream"],
      ],
    );
  }
}

for (const [clientName, talk] of Object.entries({ ws: talkAsWs, Chromium: talkAsChromium, websockets: talkAsPython })) {
  for (const [serverName, start] of Object.entries({ ws: startWs, websockets: startPython })) {
    for (const deflates of [true, false]) {
      const how = deflates ? "with compression" : "without compression";
      test(`${clientName} and ${serverName} ${how} do not notice the proxy`, { timeout: 120_000 }, async (t) => {
        const chain = await startChain(t, await start(t, deflates));
        await talk(t, chain.port, deflates);
        const accounts = await chain.accounts();
        assertSame(accounts, 1);
        assert.ok(accounts[0].client.sent.length > MIB && accounts[0].client.received.length > MIB);
      });
    }
  }
}

test("a thousand connections at once come out as they went in", { timeout: 300_000 }, async (t) => {
  const chain = await startChain(t, await startWs(t, true));
  const hash = (data) => createHash("sha256").update(data).digest("hex");
  const talk = async (number) => {
    const socket = new WebSocket(`ws://127.0.0.1:${chain.port}/${number}`, { perMessageDeflate: number % 2 === 0 });
    await once(socket, "open");
    return socket;
  };
  const sockets = [];
  for (let number = 0; number < 1000; number += 50) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, (_, at) => talk(number + at)))));
  }
  assert.equal(sockets.length, 1000);
  await Promise.all(
    sockets.map(async (socket, number) => {
      for (const length of [1, 125 + (number % 3), 4000 + number]) {
        const said = randomBytes(length);
        socket.send(said);
        const [heard] = await once(socket, "message");
        assert.equal(hash(heard), hash(said));
      }
      socket.close();
      await once(socket, "close");
    }),
  );
  assertSame(await chain.accounts(), 1000);
});
