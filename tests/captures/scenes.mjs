// Who talks with whom, and of what: npm `ws`, Python's `websockets` and Chromium, with and without compression.
//
// A scene has a name, a server and a client. `t` is a test's context, which ends what a scene began.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../browser/support.mjs";

const { WebSocket, WebSocketServer } = createRequire(new URL("../reference/package.json", import.meta.url))("ws");

const PYTHON = process.env.FRAMESCOPE_PYTHON ?? "python3";
const PEER = fileURLToPath(new URL("peer.py", import.meta.url));
const MIB = 1 << 20;

/** Bytes that no deflate makes smaller, the same each time. */
export function noise(length) {
  const blocks = [];
  for (let at = 0; at * 32 < length; at += 1) blocks.push(createHash("sha256").update(`noise ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

const WORDS = JSON.stringify(Array.from({ length: 40 }, (_, number) => ({ number, name: "héllo, 🌍" })));

/** Nothing, both sides of each length form's limit, text that repeats itself and what went before, and bytes that do not. */
const TALK = [
  "",
  "hello",
  "hello",
  WORDS,
  WORDS,
  "x".repeat(125),
  "x".repeat(126),
  Buffer.alloc(0),
  noise(300),
  noise(300),
  Buffer.alloc(65_535, "abc"),
  Buffer.alloc(65_536, "abc"),
];

/** A mebibyte of either kind, above what Wireshark unmasks. */
const LARGE = ["0123456789abcdef".repeat(MIB / 16), noise(MIB), Buffer.alloc(300_000, 7), "and on"];

// ---- Servers: each echoes, and gives its port ---------------------------------------------------------

async function serveWs(t, { host = "127.0.0.1", deflate }, connected = echo) {
  const options = deflate ? { threshold: 0, ...deflate } : false;
  const server = new WebSocketServer({ port: 0, host, perMessageDeflate: options, maxPayload: 0 });
  server.on("connection", connected);
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return server.address().port;
}

/** Says everything back, and in fragments where that is asked for. */
function echo(socket) {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    const options = { binary: isBinary };
    if (!data.subarray(0, 9).equals(Buffer.from("fragments"))) return socket.send(data, options);
    const third = Math.floor(data.length / 3);
    socket.send(data.subarray(0, third), { ...options, fin: false });
    socket.ping("between fragments");
    socket.send(data.subarray(third), { ...options, fin: false });
    socket.send("", { ...options, fin: true });
  });
}

async function serveWebsockets(t, { host = "127.0.0.1", deflate }) {
  const args = [PEER, "server", host, JSON.stringify(deflate ?? null)];
  const python = spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => python.kill("SIGKILL"));
  const [line] = await Promise.race([once(createInterface(python.stdout), "line"), failure(python)]);
  return Number(line);
}

/** A program that ends before it has said anything. */
async function failure(program) {
  const [code] = await once(program, "exit");
  throw new Error(`it ended with ${code}`);
}

// ---- Clients: each says its piece, hears it back, and closes -------------------------------------------

function openWs(port, { host = "127.0.0.1", deflate, protocols = [] }) {
  const perMessageDeflate = deflate ? { threshold: 0, ...deflate } : false;
  const address = host.includes(":") ? `[${host}]` : host;
  return new WebSocket(`ws://${address}:${port}/a/path?with=query`, protocols, { perMessageDeflate, maxPayload: 0 });
}

async function talkAsWs(_t, port, options) {
  const socket = openWs(port, options);
  await once(socket, "open");
  assert.equal(socket.extensions.includes("permessage-deflate"), Boolean(options.deflate));
  for (const said of options.talk ?? TALK) {
    socket.send(said);
    const [heard] = await once(socket, "message");
    assert.ok(Buffer.from(said).equals(heard));
  }
  for (const said of ["are you there?", ""]) {
    socket.ping(said);
    const [pong] = await once(socket, "pong");
    assert.equal(pong.toString(), said);
  }
  // In fragments, there with a ping between them and one that is empty.
  socket.send("fragments ", { fin: false });
  socket.ping("between");
  socket.send("", { fin: false });
  socket.send(WORDS, { fin: true });
  const [heard] = await once(socket, "message");
  assert.equal(heard.toString(), `fragments ${WORDS}`);
  // Behind fragments, with what was in them as its history.
  socket.send(WORDS);
  await once(socket, "message");
  socket.close(4000, "that was it, grüße");
  const [code, reason] = await once(socket, "close");
  assert.deepEqual([code, reason.toString()], [4000, "that was it, grüße"]);
}

async function talkAsWebsockets(_t, port, { deflate, isShort = false }) {
  const args = [PEER, "client", `ws://127.0.0.1:${port}/`, JSON.stringify(deflate ?? null), isShort ? "short" : "long"];
  const python = spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
  const said = once(createInterface(python.stdout), "line");
  const [code] = await once(python, "exit");
  assert.equal(code, 0);
  assert.equal((await said)[0], "said");
}

async function talkAsChromium(t, port, { deflate, talk = TALK }) {
  const browser = await startBrowser(t);
  const page = await browser.newPage();
  const said = talk.map((it) => (typeof it === "string" ? it : { base64: it.toString("base64") }));
  const closed = await page.evaluate(inPage, [`ws://127.0.0.1:${port}/`, said]);
  assert.equal(closed.extensions.includes("permessage-deflate"), Boolean(deflate));
  assert.deepEqual([closed.code, closed.reason, closed.wasClean], [4999, "done", true]);
}

/** Runs in the page. */
async function inPage([address, talk]) {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const event = (name) => new Promise((done) => socket.addEventListener(name, done, { once: true }));
  await event("open");
  for (const it of talk) {
    const said = typeof it === "string" ? it : await (await fetch(`data:;base64,${it.base64}`)).arrayBuffer();
    socket.send(said);
    const { data: heard } = await event("message");
    if ((heard.length ?? heard.byteLength) !== (said.length ?? said.byteLength)) throw new Error("not what was said");
  }
  socket.close(4999, "done");
  const { code, reason, wasClean } = await event("close");
  return { extensions: socket.extensions, code, reason, wasClean };
}

// ---- Scenes that need both ends in one hand --------------------------------------------------------------

/** Both send a message in fragments at the same time, so that their fragments take turns. */
export async function interleave(t, options, begin) {
  let accepted;
  const accepts = new Promise((done) => {
    accepted = done;
  });
  const port = await serveWs(t, options, accepted);
  await begin(port, async () => {
    const client = openWs(port, options);
    const [server] = await Promise.all([accepts, once(client, "open")]);
    const ends = { c2s: [client, server], s2c: [server, client] };
    const arrived = { c2s: once(server, "message"), s2c: once(client, "message") };
    for (const part of [0, 1, 2, 3]) {
      for (const direction of ["c2s", "s2c"]) {
        const [from, to] = ends[direction];
        from.send(`${direction} part ${part}, ${direction} part ${part}; `, { fin: part === 3 });
        // A pong is back when the fragment has been read.
        from.ping();
        await Promise.all([once(to, "ping"), once(from, "pong")]);
      }
    }
    for (const direction of ["c2s", "s2c"]) {
      const [[heard]] = await Promise.all([arrived[direction]]);
      assert.match(heard.toString(), new RegExp(`^(${direction} part \\d, ${direction} part \\d; ){4}$`));
    }
    server.close(1001, "away");
    await once(client, "close");
  });
}

/** Connections that end in every way there is. */
async function close(t, options, begin) {
  const sockets = [];
  const port = await serveWs(t, options, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
  });
  const ways = [
    (client) => client.close(),
    (client) => client.close(1000),
    (client) => client.close(3000, "x".repeat(123)),
    (client) => client.terminate(),
    (_, server) => server.close(1011, "inside"),
    (_, server) => server.close(1013),
    (_, server) => server.terminate(),
    (client, server) => {
      // Both at once.
      client.close(4001, "mine");
      server.close(4002, "yours");
    },
  ];
  await begin(port, async () => {
    for (const way of ways) {
      const client = openWs(port, options);
      await once(client, "open");
      client.send("hello");
      const server = sockets.at(-1);
      await once(server, "message");
      const closed = [once(client, "close"), once(server, "close")];
      way(client, server);
      await Promise.all(closed);
    }
  });
}

// ---- The list ----------------------------------------------------------------------------------------

const SERVERS = { ws: serveWs, websockets: serveWebsockets };
const CLIENTS = { ws: talkAsWs, websockets: talkAsWebsockets, Chromium: talkAsChromium };

/** A scene in which a client talks with an echo: their options by who they are. */
export function talk(name, [client, clientOptions], [server, serverOptions]) {
  const run = async (t, begin) => {
    const port = await SERVERS[server](t, serverOptions);
    await begin(port, () => CLIENTS[client](t, port, clientOptions));
  };
  return { name, run };
}

const plain = {};
const deflate = { deflate: {} };
const takeover = (names) => ({ deflate: Object.fromEntries(names.map((name) => [name, true])) });
const windows = (server, client) => ({ deflate: { serverMaxWindowBits: server, clientMaxWindowBits: client } });

/** @type {{ name: string, run: (t: any, begin: (port: number, talk: () => Promise<void>) => Promise<void>) => Promise<void> }[]} */
export const SCENES = [
  talk("ws-plain", ["ws", plain], ["ws", plain]),
  talk("ws-deflate", ["ws", deflate], ["ws", deflate]),
  talk("ws-server-no-takeover", ["ws", deflate], ["ws", takeover(["serverNoContextTakeover"])]),
  talk("ws-client-no-takeover", ["ws", deflate], ["ws", takeover(["clientNoContextTakeover"])]),
  talk("ws-windows-9-15", ["ws", deflate], ["ws", windows(9, 15)]),
  talk("ws-windows-15-9", ["ws", deflate], ["ws", windows(15, 9)]),
  talk("ws-large", ["ws", { ...plain, talk: LARGE }], ["ws", plain]),
  talk("ws-large-deflate", ["ws", { ...deflate, talk: LARGE }], ["ws", deflate]),
  talk("ws-ipv6", ["ws", { ...deflate, host: "::1" }], ["ws", { ...deflate, host: "::1" }]),
  talk("ws-with-websockets", ["ws", deflate], ["websockets", deflate]),
  talk("websockets-plain", ["websockets", plain], ["websockets", plain]),
  talk("websockets-deflate", ["websockets", deflate], ["websockets", deflate]),
  talk(
    "websockets-no-takeover",
    ["websockets", { deflate: { server_no_context_takeover: true, client_no_context_takeover: true } }],
    ["websockets", deflate],
  ),
  talk(
    "websockets-windows",
    ["websockets", { deflate: { server_max_window_bits: 10, client_max_window_bits: 12 } }],
    ["websockets", deflate],
  ),
  talk("websockets-with-ws", ["websockets", deflate], ["ws", takeover(["clientNoContextTakeover"])]),
  talk("chromium-plain", ["Chromium", plain], ["ws", plain]),
  talk("chromium-deflate", ["Chromium", deflate], ["ws", deflate]),
  talk("chromium-websockets", ["Chromium", deflate], ["websockets", { deflate: { server_max_window_bits: 11 } }]),
  { name: "interleaved-plain", run: (t, begin) => interleave(t, plain, begin) },
  { name: "interleaved-deflate", run: (t, begin) => interleave(t, deflate, begin) },
  { name: "closes", run: (t, begin) => close(t, plain, begin) },
  { name: "closes-deflate", run: (t, begin) => close(t, deflate, begin) },
];
