// What the page gives of a frame as source text is run: Python by Python, JavaScript by Node, Rust and the test for the codec
// by cargo, in a crate that does nothing else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";
import { snippet } from "../../www/inspector/tools/snippets.js";
import { allRows, startReader } from "./capture-support.mjs";
import { openPage, root, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 300_000 };

/** A frame of less than 64 KiB, or of more. With `key` it is masked, as a client's. */
function frameOf(first, payload, key) {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([first, length])
      : length < 1 << 16
        ? Buffer.from([first, 126, length >> 8, length & 255])
        : Buffer.concat([
            Buffer.from([first, 127, 0, 0, 0, 0]),
            Buffer.from(new Uint32Array([length]).buffer).swap32(),
          ]);
  if (!key) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  return Buffer.concat([head, Buffer.from(key), payload.map((byte, at) => byte ^ key[at % 4])]);
}

const KEY = [0x37, 0xfa, 0x21, 0x3d];
const words = (text) => Buffer.from(text);

/** By what the frame is: its bytes. Whose it is, its mask says. */
const FRAMES = {
  "an empty text": frameOf(0x81, words("")),
  "a text": frameOf(0x81, words('say "hello", \\ and grüße')),
  "a masked text": frameOf(0x81, words("hello"), KEY),
  binary: frameOf(0x82, Buffer.from(Array.from({ length: 256 }, (_, at) => at))),
  "70 000 bytes": frameOf(0x82, Buffer.alloc(70_000, 0xa5), KEY),
  "a first fragment": frameOf(0x01, words("begun"), KEY),
  "its end": frameOf(0x80, words(" and ended"), KEY),
  compressed: frameOf(0xc1, Buffer.from("f248cdc9c90700", "hex")),
  "a reserved opcode": frameOf(0x83, words("what?")),
  "a reserved opcode of a control frame": frameOf(0x8b, words("")),
  "a reserved bit": frameOf(0xa1, words("odd"), KEY),
  "a text that is none": frameOf(0x81, Buffer.from([0x61, 0xff])),
  "a ping": frameOf(0x89, words("there?"), KEY),
  "a pong in fragments": frameOf(0x0a, words("")),
  "a long ping": frameOf(0x89, Buffer.alloc(126)),
  "a close": frameOf(0x88, Buffer.concat([Buffer.from([0x03, 0xe8]), words("bye")]), KEY),
  "a close with a code that nobody may send": frameOf(0x88, Buffer.from([0x03, 0xed])),
};

/** What the page knows of each, and its texts. */
async function textsOf(t) {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const found = [];
  for (const [what, wire] of Object.entries(FRAMES)) {
    const reader = await startReader(page);
    await reader.open(words(wire.toString("hex")), "pasted.hex");
    const row = (await allRows(reader)).find(({ kind }) => kind === "frame");
    assert.ok(row, what);
    const details = await reader.ask("frame", row.index);
    const bytes = Uint8Array.from(Object.values(await reader.ask("wire", row.index)));
    assert.deepEqual(Buffer.from(bytes), wire, what);
    const rules = await reader.ask("rulesAlone", row.index);
    // A name of its own for each: every file has but one frame.
    const place = found.length;
    const own = { ...details, row: { ...details.row, index: 100 + place } };
    const name = `${row.name.replaceAll(/\W+/gu, "_")}_${101 + place}`;
    found.push({ what, wire, name, rules, text: (form) => snippet(form, own, bytes, rules) });
    await reader.end();
  }
  return found;
}

/** A crate that depends on the codec and has these sources, tested with what the workspace has built already. */
function cargoTest(sources) {
  // The same place each time, so that what is built there does not pile up.
  const folder = join(root, "target/pasted");
  mkdirSync(join(folder, "src"), { recursive: true });
  const manifest = `[package]
name = "pasted"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
framescope-codec = { path = ${JSON.stringify(join(root, "codec"))} }
`;
  writeFileSync(join(folder, "Cargo.toml"), manifest);
  // The versions that are here, and so no network.
  copyFileSync(join(root, "Cargo.lock"), join(folder, "Cargo.lock"));
  // Whoever pastes it wants no warning either.
  writeFileSync(join(folder, "src/lib.rs"), `#![cfg(test)]\n#![deny(warnings)]\n${sources}`);
  const options = { cwd: folder, encoding: "utf8", env: { ...process.env, CARGO_TARGET_DIR: join(root, "target") } };
  return execFileSync("cargo", ["test", "--offline", "--lib", "--", "--test-threads=2"], /** @type {any} */ (options));
}

test("what is copied as source text runs, and is the frame", TIMEOUT, async (t) => {
  const frames = await textsOf(t);
  const hexes = Object.fromEntries(frames.map(({ name, wire }) => [name, wire.toString("hex")]));

  await t.test("Python", () => {
    const printed = frames.map(({ name }) => `print(${JSON.stringify(name)}, ${name}.hex())\n`);
    const program = [...frames.map(({ text }) => text("python")), ...printed].join("");
    const said = execFileSync("python3", ["-"], { input: program, encoding: "utf8", maxBuffer: 1 << 26 });
    assert.deepEqual(
      Object.fromEntries(
        said
          .trim()
          .split("\n")
          .map((line) => line.split(" ")),
      ),
      hexes,
    );
  });

  await t.test("JavaScript", () => {
    const names = frames.map(({ name }) => name);
    const program = `${frames.map(({ text }) => text("javascript")).join("")}({ ${names.join(", ")} })`;
    const made = new Script(program).runInThisContext();
    const found = Object.entries(made).map(([name, bytes]) => [name, Buffer.from(bytes).toString("hex")]);
    assert.deepEqual(Object.fromEntries(found), hexes);
  });

  await t.test("Rust, and a test for the codec", () => {
    const compared = frames.map(({ name, wire }) => {
      const bytes = `b"${wire.toString("hex").replaceAll(/../g, "\\x$&")}"`;
      return `    assert_eq!(&${name.toUpperCase()}, ${bytes});\n`;
    });
    const constants = frames.map(({ text }) => text("rust")).join("");
    const tests = frames.map(({ text }) => text("test")).join("\n");
    const said = cargoTest(`${tests}\n${constants}\n#[test]\nfn constants() {\n${compared.join("")}}\n`);
    for (const { what, name } of frames)
      assert.match(said, new RegExp(`^test ${name.toLowerCase()} \\.\\.\\. ok$`, "m"), what);
    assert.match(said, /^test constants \.\.\. ok$/m);
  });

  // What each is judged to break by itself stands in its test: no test may say too little.
  const broken = frames.filter(({ rules }) => rules.length > 0).map(({ what }) => what);
  assert.deepEqual(broken, BROKEN);
});

/** A frame without a word of whose it is: by its mask. */
const BROKEN = [
  "its end",
  "a reserved opcode",
  "a reserved opcode of a control frame",
  "a reserved bit",
  "a text that is none",
  "a pong in fragments",
  "a long ping",
  "a close with a code that nobody may send",
];
