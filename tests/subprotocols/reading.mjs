// A talk recorded by our proxy, and what our reader makes of its messages.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { program } from "../browser/support.mjs";

const run = promisify(execFile);
/** Captures that are kept, and what their messages are. */
export const FIXTURES = fileURLToPath(new URL("../fixtures/captures/subprotocols/", import.meta.url));

const MODULE = new URL("../../www/pkg/reader/", import.meta.url);

/** Runs a talk through the proxy, which writes down what passes. @param {string} file */
export async function recordTalk(t, { serve, talk }, file) {
  const http = createServer();
  const open = new Set();
  http.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await serve(t, http);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  const to = `ws://127.0.0.1:${/** @type {any} */ (http.address()).port}`;
  const args = ["proxy", "--listen", "127.0.0.1:0", "--to", to, "--no-inspect", "--log", "warn", "--write", file];
  const proxy = spawn(program(), args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(proxy, "exit");
  t.after(() => proxy.kill("SIGKILL"));
  for await (const line of createInterface(proxy.stdout)) {
    const port = Number(/relays ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1] ?? 0);
    if (!port) continue;
    proxy.stdout.resume();
    await talk(port);
    // Some clients are done with what they said last before it is at the proxy; who hears them has it from there.
    await Promise.all([...open].map((socket) => new Promise((done) => socket.once("close", done))));
    break;
  }
  // What passed is in the file when it has ended.
  proxy.kill("SIGINT");
  await ended;
}

/** The module, in Node. */
async function reader() {
  const module = await import(new URL("framescope_wasm.js", MODULE).href);
  module.initSync({ module: readFileSync(new URL("framescope_wasm_bg.wasm", MODULE)) });
  return module;
}

/**
 * What each message of a capture is in the terms of its subprotocol: `direction protocol name: summary`, and ` !` and what
 * is wrong, if something is. What is not known is `direction ?`.
 *
 * @param {string} file
 */
export async function meanings(file) {
  const { Speech } = await reader();
  const { stdout } = await run(program(), ["decode", file], { maxBuffer: 1 << 28 });
  const speeches = new Map();
  const out = [];
  for (const [row, text] of stdout.split("\n").filter(Boolean).entries()) {
    const { event, stream, dir, half, target, subprotocol, message } = JSON.parse(text);
    const known = speeches.get(stream) ?? { target: "", speech: null };
    speeches.set(stream, known);
    if (half === "request") known.target = target;
    else if (half === "response") known.speech = new Speech(subprotocol ?? undefined, known.target);
    if (event || !message || (message.kind !== "text" && message.kind !== "binary")) continue;
    const payload = Buffer.from(message.hex, "hex");
    const isText = message.kind === "text";
    known.speech.hear(dir, isText, payload, row);
    const decoded = JSON.parse(known.speech.decode(dir, isText, payload, row) ?? "null");
    const problem = decoded?.problem ? ` ! ${decoded.problem}` : "";
    out.push(decoded ? `${dir} ${decoded.protocol} ${decoded.name}: ${decoded.summary}${problem}` : `${dir} ?`);
  }
  return out;
}
