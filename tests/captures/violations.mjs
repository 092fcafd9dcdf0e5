// Every rule that can be broken, broken by either side, on connections of their own: by our client, which sends whatever
// it is given, to the server of npm `ws`; and by a server made by hand, to the client of npm `ws`.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";

const require = createRequire(import.meta.url);
const { WebSocket, WebSocketServer } = createRequire(new URL("../reference/package.json", import.meta.url))("ws");

/** @type {{ rule: string, direction: string, compressed: boolean, wire: string }[]} */
const FIXTURE = JSON.parse(readFileSync(new URL("../fixtures/violations.json", import.meta.url), "utf8"));

const MASKING_KEY = [0x37, 0xfa, 0x21, 0x3d];

/** The rules that only one side can break. */
const ONE_SIDED = ["masked-from-server", "unmasked-from-client"];

/** The same with something in them: there are readers who say nothing of what is empty. */
const MORE = [
  { rule: "reserved-data-opcode", direction: "s2c", compressed: false, wire: "83 02 6869" },
  { rule: "reserved-control-opcode", direction: "s2c", compressed: false, wire: "8b 02 6869" },
  { rule: "long-control", direction: "s2c", compressed: false, wire: `89 7e 007e ${"61".repeat(126)}` },
];

/** What breaks which rule, each way. */
export const CASES = [...FIXTURE, ...MORE].flatMap(({ rule, direction, compressed, wire }) => {
  const bytes = Buffer.from(wire.replaceAll(" ", ""), "hex");
  if (ONE_SIDED.includes(rule)) return [{ rule, direction, compressed, bytes }];
  return [
    { rule, direction: "c2s", compressed, bytes: masked(bytes) },
    { rule, direction: "s2c", compressed, bytes },
  ];
});

/** The same frames, as a client has to send them. @param {Buffer} frames */
function masked(frames) {
  const parts = [];
  for (let at = 0; at < frames.length; ) {
    const seven = frames[at + 1] & 0x7f;
    const header = { 126: 4, 127: 10 }[seven] ?? 2;
    const length =
      { 126: () => frames.readUInt16BE(at + 2), 127: () => Number(frames.readBigUInt64BE(at + 2)) }[seven]?.() ?? seven;
    const payload = frames.subarray(at + header, at + header + length);
    parts.push(
      Buffer.from([frames[at], frames[at + 1] | 0x80]),
      frames.subarray(at + 2, at + header),
      Buffer.from(MASKING_KEY),
      payload.map((byte, place) => byte ^ MASKING_KEY[place % 4]),
    );
    at += header + payload.length;
  }
  return Buffer.concat(parts);
}

/**
 * Plays all of them. `begin` is called with a port and with what to do while it is captured.
 *
 * @param {any} t
 * @param {(port: number, talk: () => Promise<void>) => Promise<void>} begin
 */
export async function violate(t, begin) {
  const { WebSocketClient } = require("../../target/npm/framescope-client/node.js");
  let current = CASES[0];
  const judge = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const deflating = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } });
  for (const server of [judge, deflating]) server.on("connection", (socket) => socket.on("error", () => {}));
  // One port for the captured: the hands of `ws` where the client is wrong, our own where the server is.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (current.direction === "s2c") return breakRules(socket, current);
    socket.once("data", (bytes) => {
      const head = bytes.toString("latin1");
      const headers = Object.fromEntries(
        [...head.matchAll(/^([\w-]+): *(.*)\r$/gm)].map(([, name, value]) => [name.toLowerCase(), value]),
      );
      const request = { method: "GET", headers, url: "/", socket };
      const chosen = current.compressed ? deflating : judge;
      chosen.handleUpgrade(request, socket, Buffer.alloc(0), (ended) => chosen.emit("connection", ended, request));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address();
  await begin(port, async () => {
    for (const each of CASES) {
      current = each;
      await (each.direction === "c2s" ? sendAsClient(WebSocketClient, port, each) : hearAsClient(port, each));
    }
  });
}

/** A server that answers as it must, and then says what it must not. */
function breakRules(socket, { compressed, bytes }) {
  socket.once("data", (request) => {
    const key = /^sec-websocket-key: *(.*)\r$/im.exec(request.toString("latin1"))?.[1];
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const extensions = compressed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${extensions}\r\n`;
    socket.write(head);
    socket.end(bytes);
  });
}

/** Not `once` of node:events, which fails where the other event is an error: here that is what they are for. */
const event = (emitter, name) => new Promise((done) => emitter.once(name, done));

async function sendAsClient(WebSocketClient, port, { compressed, bytes }) {
  const client = new WebSocketClient(`ws://127.0.0.1:${port}/`, { compression: compressed });
  client.on("error", () => {});
  const closed = event(client, "close");
  await event(client, "open");
  client.sendRaw(bytes);
  // Where the server does not mind, it answers.
  client.ping("still there?");
  const pong = event(client, "pong").then(() => client.close(1000));
  await Promise.race([closed, pong]);
  await closed;
}

async function hearAsClient(port, { compressed }) {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: compressed });
  client.on("error", () => {});
  await event(client, "close");
}
