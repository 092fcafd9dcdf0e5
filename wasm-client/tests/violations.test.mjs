// Each rule broken by hand, against our own server, which must say so with the right close code; and the examples.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { startServer } from "../../tests/browser/support.mjs";
import { connect, echoServer, ending, hex, installed, next, WebSocketFrame } from "./support.mjs";

/** A client's frame: masked, unless a field says otherwise. */
function frame(opcode, payload, fields = {}) {
  const made = new WebSocketFrame(opcode, Buffer.from(payload));
  made.masked = true;
  return Object.assign(made, fields);
}

test("our server answers each violation with its close code", async (t) => {
  const server = await startServer(t);
  const url = `${server.url.replace("http", "ws")}/echo`;
  for (const [what, closeCode, ...frames] of [
    ["unmasked", 1002, frame(1, "x", { masked: false })],
    ["RSV1 without an extension", 1002, frame(1, "x", { rsv1: true })],
    ["RSV2", 1002, frame(1, "x", { rsv2: true })],
    ["RSV3", 1002, frame(2, "x", { rsv3: true })],
    ["reserved data opcode", 1002, frame(3, "x")],
    ["reserved control opcode", 1002, frame(0xf, "")],
    ["fragmented ping", 1002, frame(9, "x", { fin: false })],
    ["long ping", 1002, frame(9, "x".repeat(126))],
    ["length not minimal", 1002, frame(2, "x", { lengthForm: 16 })],
    ["length not minimal, 64", 1002, frame(2, "x", { lengthForm: 64 })],
    ["length with its top bit", 1002, frame(2, "x", { payloadLength: 1n << 63n })],
    ["too long", 1009, frame(2, "x", { payloadLength: 1n << 40n })],
    ["continuation of nothing", 1002, frame(0, "x")],
    ["message in a message", 1002, frame(1, "x", { fin: false }), frame(1, "y")],
    ["bad UTF-8", 1007, frame(1, [0xff])],
    ["bad UTF-8, unfinished", 1007, frame(1, [0xc0], { fin: false })],
    ["Close of one byte", 1002, frame(8, [3])],
    ["Close with 1005", 1002, frame(8, [0x03, 0xed])],
    ["Close with a bad reason", 1007, frame(8, [0x03, 0xe8, 0xff])],
  ]) {
    const client = connect(t, url, { compression: false });
    for (const each of frames) client.sendFrame(each);
    const { code, wasClean, error } = await ending(client);
    assert.deepEqual([code, wasClean, error], [closeCode, true, undefined], what);
  }
  // And what is allowed comes back, be it made by hand.
  const client = connect(t, url);
  client
    .sendFrame(frame(1, "a", { fin: false }))
    .sendFrame(frame(0, "b"))
    .sendRaw(hex("82 81 00000000 43"));
  const got = [];
  client.on("message", (data) => got.push(data.toString()));
  while (got.length < 2) await next(client, "message");
  assert.deepEqual(got, ["ab", "C"]);
  // A Close made by hand is the only one: a second would be a violation of ours.
  client.sendFrame(frame(8, [0x03, 0xe8]));
  assert.deepEqual(await ending(client), { code: 1000, reason: "", wasClean: true, error: undefined });
});

test("the package's examples run, from where they were installed", async (t) => {
  const { url } = await echoServer(t);
  const run = (name) => {
    const file = join(installed, "node_modules/framescope-client/examples", name);
    return promisify(execFile)(process.execPath, [file, url]);
  };
  const echo = await run("echo.mjs");
  assert.equal(echo.stderr, "");
  assert.match(echo.stdout, /pong: are you there\?\n/);
  assert.match(echo.stdout, /message: Hello! Hello! Hello! \n/);
  assert.match(echo.stdout, /close: 1000 that was all true\n$/);
  assert.equal(echo.stdout.match(/--> (text|continuation) /g).length, 3);
  const broken = await run("broken.mjs");
  assert.match(
    broken.stdout,
    /^unmasked: closed with 1002.*\nfragmentedPing: closed with 1002.*\ntooLong: closed with 1000 it was taken/,
  );
});
