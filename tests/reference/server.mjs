// The reference: chat rooms as our own server speaks them, on the npm package `ws`, which shares no line with our codec.
// What a page or a client does alike with both, it does by the RFC and not by a mistake that both ends make.
//
//   node tests/reference/server.mjs [--port 3051] [--host 127.0.0.1] [--compression]
//
// `/` and `/chat` speak the rooms family; pings are answered. Nothing is stored on disk.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { Rooms } from "./rooms.mjs";
import { Refusal, read } from "./said.mjs";

const PATHS = ["/", "/chat"];
const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const MESSAGE_MAX = 8 << 20;
/** What may wait for somebody who does not read, besides the largest message they were sent. */
const QUEUE_MAX = 1 << 20;

/**
 * Resolves once it listens, with its address and what ends it.
 *
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function start({ port = 3051, host = "127.0.0.1", compression = false } = {}) {
  const http = createServer((_, response) => {
    response.writeHead(426, { "Content-Type": "text/plain", Upgrade: "websocket", Connection: "Upgrade" });
    response.end("This is a WebSocket server: chat rooms are at / and /chat.\n");
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_MAX,
    perMessageDeflate: compression,
    // We speak none. By itself, the package would agree to the first one offered.
    handleProtocols: () => false,
  });
  const rooms = new Rooms();
  http.on("upgrade", (request, socket, head) => {
    const status = refusal(request);
    if (status) {
      socket.on("error", () => {});
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, rooms));
  });
  http.listen(port, host);
  await new Promise((resolve, reject) => http.once("listening", resolve).once("error", reject));
  const { port: bound } = http.address();
  return {
    url: `ws://${host.includes(":") ? `[${host}]` : host}:${bound}/`,
    port: bound,
    close: () => close(http, webSockets),
  };
}

/** Why an upgrade is not for us, as a status; `undefined` if it is. */
function refusal({ url, headers }) {
  // Any page in the world can reach a port of this machine from a browser on it.
  if (headers.origin !== undefined && !isLocal(headers.origin)) return "403 Forbidden";
  if (!PATHS.includes(url.split("?")[0])) return "404 Not Found";
}

function isLocal(origin) {
  return URL.canParse(origin) && LOCAL_HOSTS.includes(new URL(origin).hostname);
}

function serve(webSocket, rooms) {
  const peer = new Peer(webSocket);
  webSocket.on("message", (data) => {
    try {
      rooms.handle(peer, read(data));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      peer.send({ type: "error", error: error.message, id: error.id });
    }
  });
  webSocket.on("close", () => rooms.leave(peer));
  // What breaks the protocol is said to the client in a Close frame, by the package.
  webSocket.on("error", () => {});
}

/** Somebody connected. */
class Peer {
  #webSocket;
  #largest = 0;

  constructor(webSocket) {
    this.#webSocket = webSocket;
  }

  send(message) {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return;
    const text = JSON.stringify(message);
    this.#largest = Math.max(this.#largest, Buffer.byteLength(text));
    if (webSocket.bufferedAmount > this.#largest + QUEUE_MAX) webSocket.close(1013, "you read too slowly");
    else webSocket.send(text);
  }
}

async function close(http, webSockets) {
  const closed = new Promise((resolve) => http.close(resolve));
  for (const webSocket of webSockets.clients) webSocket.close(1001, "the server stops");
  // Who does not answer is not waited for long.
  const impatience = setTimeout(() => {
    for (const webSocket of webSockets.clients) webSocket.terminate();
  }, 2000);
  http.closeIdleConnections();
  await closed;
  clearTimeout(impatience);
}

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "3051" },
      host: { type: "string", default: "127.0.0.1" },
      compression: { type: "boolean", default: false },
    },
  });
  const server = await start({ ...values, port: Number(values.port) });
  console.log(`reference: ${server.url}`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await main().catch((error) => {
    console.error(`reference: ${error.message}`);
    process.exitCode = 1;
  });
}
