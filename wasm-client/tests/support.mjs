// What the client's tests share: the package as it was installed, servers of every kind, and what they saw.
//
// Environment: FRAMESCOPE_CLIENT, the folder that the package was installed in (run.sh makes it).

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const installed = process.env.FRAMESCOPE_CLIENT ?? join(root, "target/npm/installed");

export const { AnswerReader, WebSocketClient, WebSocketFrame, deflate, dissect, initSync } = createRequire(
  join(installed, "here.js"),
)("framescope-client");

/** How many bytes the module holds: asked to begin again, it hands out what it has. */
export const moduleMemory = () => initSync().memory.buffer.byteLength;

/** The npm package `ws`, the opponent. */
export const ws = createRequire(join(root, "tests/browser/here.js"))("ws");

/** A pair of files for a server that nobody knows. */
export const certificate = {
  key: readFileSync(new URL("fixtures/localhost.key", import.meta.url)),
  cert: readFileSync(new URL("fixtures/localhost.crt", import.meta.url)),
  ca: readFileSync(new URL("fixtures/ca.crt", import.meta.url)),
};

/** A client that ends with the test. */
export function connect(t, url, options) {
  const client = new WebSocketClient(url, options);
  t.after(() => client.terminate());
  return client;
}

/** What a client says, in order, until it is closed: `[event, ...arguments]` each, data as text. */
export function record(client, events = ["open", "message", "ping", "pong", "error", "close"]) {
  const all = [];
  for (const event of events) {
    client.on(event, (...args) =>
      all.push([event, ...args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString() : arg))]),
    );
  }
  return all;
}

/** The arguments of the next such event. */
export const next = (client, event) => new Promise((resolve) => client.once(event, (...args) => resolve(args)));

/** How it ended: code, reason, whether it was clean; and the error, if there was one. */
export async function ending(client) {
  let error;
  client.on("error", (it) => {
    error ??= it;
  });
  const [code, reason, wasClean] = await next(client, "close");
  return { code, reason, wasClean, error };
}

/** An echo server on `ws`, at `url`. */
export async function echoServer(t, options = {}) {
  const server = new ws.WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return Object.assign(server, { url: `ws://127.0.0.1:${server.address().port}/` });
}

/**
 * A server of bytes. `serve` is handed each connection with all that was read from it so far; what it writes is up
 * to the test.
 */
export async function rawServer(t, serve) {
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    serve(new Peer(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, url: `ws://127.0.0.1:${server.address().port}/`, sockets };
}

/** A server that opens each connection as it should, and does what it is told from then on. */
export function openServer(t, serve, headers = "") {
  return rawServer(t, async (peer) => {
    await peer.open(headers);
    serve(peer);
  });
}

/** The bytes that agree to a request. */
export function agree(request, headers = "") {
  const key = /sec-websocket-key: *(.*)/i.exec(Buffer.from(request).toString("latin1"))[1].trim();
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  return Buffer.from(`${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n${headers}\r\n`);
}

class Peer {
  socket;
  #read = Buffer.alloc(0);
  #wake = () => {};
  hasEnded = false;

  constructor(socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.#read = Buffer.concat([this.#read, bytes]);
      this.#wake();
    });
    socket.on("end", () => {
      this.hasEnded = true;
      this.#wake();
    });
  }

  /** Reads a request and agrees to it. */
  async open(headers) {
    const request = await this.readHead();
    this.write(agree(request, headers));
    return request;
  }

  async readHead() {
    return (
      await this.#take(() => this.#read.indexOf("\r\n\r\n") + 1 && this.#read.indexOf("\r\n\r\n") + 4)
    ).toString();
  }

  /** The next frame, with its payload unmasked; `undefined` at the end. */
  async frame() {
    const bytes = await this.#take(() => WebSocketFrame.load(this.#read)?.byteLength);
    if (!bytes) return undefined;
    const frame = WebSocketFrame.load(bytes);
    const { opcodeName: name, fin, rsv1, masked } = frame;
    const payload = Buffer.from(frame.payload);
    return {
      name,
      fin,
      rsv1,
      masked,
      payload,
      code: name === "close" && payload.length > 1 ? payload.readUInt16BE() : undefined,
    };
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /** Resolves once the client has ended its half. */
  async end() {
    while (!this.hasEnded) await this.#more();
  }

  /** Resolves with everything up to `found()`, or with nothing at the end. */
  async #take(found) {
    let length = found();
    while (!length) {
      if (this.hasEnded) return undefined;
      await this.#more();
      length = found();
    }
    const taken = this.#read.subarray(0, length);
    this.#read = this.#read.subarray(length);
    return taken;
  }

  #more() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** What Node 20 does not have. */
export function withResolvers() {
  const parts = {};
  const promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return { promise, ...parts };
}

/** Bytes in hex, in groups as one likes. */
export const hex = (text) => Buffer.from(text.replaceAll(" ", ""), "hex");
