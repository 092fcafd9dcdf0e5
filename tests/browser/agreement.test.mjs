// The same answer on both sides: the corpus goes through the native codec and through the wasm module in Chromium,
// and all that either says is compared, byte for byte.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { example, openPage, startBrowser, startServer } from "./support.mjs";

/** Streams of each random kind; those that are always the same come on top. */
const SCALE = 250;

test("the wasm module says of every stream and capture what the native codec says", { timeout: 300_000 }, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const native = spawn(example("dissections"), [String(SCALE)], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(native, "close");
  let cases = [];
  let held = 0;
  const counts = { streams: 0, frames: 0, captures: 0, bytes: 0 };

  const compare = async () => {
    const asked = cases.map(({ expected, ...asked }) => asked);
    const answers = await page.evaluate(inPage, asked);
    for (const [place, { name, expected, capture, bytes }] of cases.entries()) {
      const answer = answers[place];
      assert.equal(answer.length, expected.length, `${name}: how much there is to say`);
      for (const [index, text] of expected.entries()) {
        // `equal` would print both, which may be megabytes.
        if (answer[index] !== text)
          assert.fail(
            `${name}, ${index}:\nnative ${cut(text)}\n  wasm ${cut(answer[index])}\nof ${cut(capture ?? bytes)}`,
          );
        counts.bytes += text?.length ?? 0;
      }
      if (capture === undefined) {
        counts.streams += 1;
        counts.frames += expected.length;
      } else counts.captures += 1;
    }
    cases = [];
    held = 0;
  };

  for await (const line of createInterface(native.stdout)) {
    cases.push(JSON.parse(line));
    held += line.length;
    if (held > 4_000_000) await compare();
  }
  await compare();
  const [status] = await ended;
  assert.equal(status, 0);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.streams > 4 * SCALE + 300 && counts.frames > 3000 && counts.captures > 400, JSON.stringify(counts));
});

test("in the page, too, each stream of the fixture breaks the rule it says", { timeout: 60_000 }, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const fixture = JSON.parse(await readFile(new URL("../fixtures/violations.json", import.meta.url), "utf8"));
  const found = await page.evaluate(async (cases) => {
    const { loadClient, loadModule } = await import("/lib/wasm.js");
    const rulesBy = ({ dissect }) =>
      cases.map(({ direction, compressed, wire }) => {
        const bytes = Uint8Array.from(wire.replaceAll(" ", "").match(/../g), (pair) => Number.parseInt(pair, 16));
        const frames = dissect(direction, compressed ? {} : null, bytes).map((text) => JSON.parse(text));
        return frames.flatMap(({ violations }) => violations ?? [])[0]?.rule;
      });
    return [rulesBy(await loadModule()), rulesBy(await loadClient())];
  }, fixture);
  const rules = fixture.map(({ rule }) => rule);
  assert.deepEqual(found, [rules, rules]);
});

const cut = (text) => (text == null ? String(text) : text.length > 2000 ? `${text.slice(0, 2000)}…` : text);

/** Runs in the page. What JavaScript has as `undefined` the native side has as `null`. */
async function inPage(cases) {
  const { loadModule } = await import("/lib/wasm.js");
  const module = await loadModule();
  const unhex = (text) =>
    Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
  const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  const hex = (bytes) => (bytes === undefined ? null : Array.from(bytes, (byte) => HEX[byte]).join(""));

  const save = (capture) => {
    const pieces = [];
    capture.exportBegin(JSON.stringify({ format: "pcapng", rows: "all" }));
    for (let piece = capture.exportNext(); piece; piece = capture.exportNext()) pieces.push(hex(piece));
    return pieces.join("");
  };

  const read = ({ capture: text, pieces }) => {
    const bytes = unhex(text);
    const capture = new module.Capture();
    const source = capture.addSource("tap", "");
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const end = Math.min(bytes.length, at + pieces[turn % pieces.length]);
      capture.feed(source, bytes.subarray(at, end));
      at = end;
    }
    const { end } = JSON.parse(capture.status());
    // Bytes in memory, by the size of a pointer: the one number in which the two sides differ.
    const status = capture.status().replace(/"held":\d+,/, "");
    const said = [status, capture.rows(0, 0xffffffff), save(capture)];
    for (let index = 0; index < end; index++) {
      said.push(capture.frame(index) ?? null, hex(capture.wire(index)), hex(capture.unmasked(index)));
      said.push(hex(capture.message(index)), capture.messageJson(index) ?? null);
    }
    for (let row = capture.nextViolation(-1, false); row !== undefined; row = capture.nextViolation(row, false))
      said.push(String(row));
    capture.free();
    return said;
  };
  return cases.map((each) =>
    each.capture === undefined ? module.dissect(each.direction, each.deflate, unhex(each.bytes)) : read(each),
  );
}
