// The client as a page has it: no EventEmitter, no Buffer, no sockets; the tunnel of the page's own server.

import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { startServer } from "../../tests/browser/support.mjs";
import { ending, installed, ws } from "./support.mjs";

const folder = join(installed, "node_modules/framescope-client");

/** The package's other entry, in a world without Node. A copy of the module of its own, by its address. */
async function asInPage() {
  const { getBuiltinModule } = process;
  process.getBuiltinModule = undefined;
  try {
    const page = join(installed, "page");
    rmSync(page, { recursive: true, force: true });
    cpSync(folder, page, { recursive: true });
    const module = await import(pathToFileURL(join(page, "framescope_wasm.js")).href);
    assert.throws(() => new module.WebSocketClient("ws://example.com/"), { code: "ERR_INVALID_ARGUMENT" });
    await module.default({ module_or_path: readFileSync(join(page, "framescope_wasm_bg.wasm")) });
    return module;
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
}

const page = await asInPage();

/** What a page has that Node has not: where it is from, and a WebSocket that sends its cookies. */
async function visit(t) {
  const server = await startServer(t);
  const { headers } = await fetch(`${server.url}/`);
  const cookie = headers.getSetCookie().map((it) => it.split(";")[0]);
  const { WebSocket, location } = globalThis;
  globalThis.location = new URL(`${server.url}/inspector`);
  globalThis.WebSocket = class extends ws.WebSocket {
    constructor(url) {
      super(url, { headers: { cookie: cookie.join("; "), origin: server.url } });
    }
  };
  t.after(() => Object.assign(globalThis, { WebSocket, location }));
  return server;
}

test("in a page it goes through the tunnel, and data are arrays that know their text", async (t) => {
  await visit(t);
  const client = new page.WebSocketClient("/echo");
  t.after(() => client.terminate());
  const next = (event) => new Promise((resolve) => client.once(event, (...args) => resolve(args)));
  assert.match(client.url, /^ws:\/\/127\.0\.0\.1:\d+\/echo$/);
  const got = [];
  client.on("message", (...args) => got.push(args));
  client.send("grüße");
  client.send(new Uint8Array([1, 2, 3]));
  client.ping("p");
  const [pong] = await next("pong");
  const [[text, isBinary], [bytes, isBinaryToo]] = got;
  assert.ok(text instanceof Uint8Array && !Buffer.isBuffer(text));
  assert.deepEqual([`${text}`, text.length, isBinary], ["grüße", 7, false]);
  assert.deepEqual([[...bytes], `${bytes.subarray(1)}`, isBinaryToo], [[1, 2, 3], "\u0002\u0003", true]);
  assert.equal(`${pong}`, "p");
  client.close(1000);
  assert.deepEqual(await next("close"), [1000, "", true]);
});

test("in a page, a target that is not on the list is refused by the tunnel", async (t) => {
  await visit(t);
  const client = new page.WebSocketClient("ws://127.0.0.1:5432/");
  const { code, error } = await ending(client);
  assert.deepEqual([code, error.code], [1006, "ERR_STREAM"]);
  assert.match(error.message, /^no connection to ws:\/\/127\.0\.0\.1:5432\/: ./);
});

test("its emitter is as Node's", () => {
  const { WebSocketClient } = page;
  const client = new WebSocketClient("ws://example.com/", { stream: () => new Promise(() => {}) });
  const log = [];
  const twice = (...args) => log.push(["twice", ...args]);
  assert.equal(client.on("x", twice).addListener("x", twice), client);
  client.once("x", (...args) => log.push(["once", ...args]));
  client.once("x", function () {
    log.push([this === client]);
    client.off("x", twice);
  });
  assert.deepEqual(
    [client.listenerCount("x"), client.emit("x", 1, 2), client.emit("x", 3), client.emit("y")],
    [4, true, true, false],
  );
  assert.deepEqual(log, [["twice", 1, 2], ["twice", 1, 2], ["once", 1, 2], [true], ["twice", 3]]);
  assert.equal(client.removeListener("x", twice).listenerCount("x"), 0);
  assert.throws(() => client.emit("error", new Error("nobody listens")), /nobody listens/);
  assert.throws(() => client.on("x", "no function"), TypeError);
  client.on("x", twice).on("y", twice).removeAllListeners("x");
  assert.deepEqual([client.listenerCount("x"), client.listenerCount("y")], [0, 1]);
  assert.equal(client.removeAllListeners().listenerCount("y"), 0);
  client.terminate();
});
