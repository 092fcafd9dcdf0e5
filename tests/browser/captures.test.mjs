// Captures of strangers (tests/fixtures/captures/foreign) in the page's worker: what `framescope decode` reads in them, the
// page reads; and what it gives out again is the same, for itself and for Wireshark.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { allRows, startReader } from "./capture-support.mjs";
import { openPage, program, startBrowser, startServer, temporaryFolder } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };
const FOLDER = fileURLToPath(new URL("../fixtures/captures/foreign/", import.meta.url));
const FIXTURES = readdirSync(FOLDER).filter((name) => !name.endsWith(".jsonl"));
const MOST = 1 << 28;

const linesOf = (text) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** What a row and a line of `framescope decode` both say of a frame. */
const ofRow = ({ connection, direction, fin, rsv, masked, payloadLength, violations }) => [
  connection,
  direction,
  Number(fin),
  rsv,
  Number(masked),
  Number(payloadLength),
  violations,
];
const ofLine = ({ stream, dir, fin, rsv, mask, payload_length, violations }) => [
  stream + 1,
  dir,
  fin,
  rsv,
  mask,
  payload_length,
  violations.map(({ rule }) => rule),
];

test("what the command line reads in a capture, the page reads", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  assert.equal(FIXTURES.length, 5);
  for (const name of FIXTURES) {
    const reader = await startReader(page);
    const source = await reader.open(readFileSync(join(FOLDER, name)), name);
    assert.deepEqual([source.reading.state, source.trouble, source.done], ["done", null, true], name);
    const rows = await allRows(reader);
    const lines = linesOf(readFileSync(join(FOLDER, `${name}.jsonl`), "utf8"));
    const frames = rows.filter(({ kind }) => kind === "frame");
    const expected = lines.filter(({ event }) => event === undefined);
    assert.deepEqual(frames.map(ofRow), expected.map(ofLine), name);
    const [found, told] = [lines.filter(({ event }) => event === "finding"), lines.filter(({ finding }) => !finding)];
    const kinds = (events) => events.filter((kind) => kind !== "frame" && kind !== undefined).toSorted();
    assert.deepEqual(kinds(rows.map(({ kind }) => kind)), kinds(told.map(({ event }) => event)), name);
    const names = rows.flatMap(({ findings }) => findings);
    assert.deepEqual(names.toSorted(), found.map(({ finding }) => finding).toSorted(), name);
    // The bytes of each, too.
    for (const [at, { index }] of frames.entries()) {
      const message = expected[at].message;
      if (!message) continue;
      const bytes = Object.values(await reader.ask("message", index));
      assert.equal(Buffer.from(bytes).toString("hex"), message.hex, `${name}, row ${index}`);
    }
    await reader.end();
  }
});

test("opened, given out, and opened again it is the same, here and for Wireshark", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const folder = temporaryFolder(t);
  for (const name of FIXTURES) {
    const [first, second] = [await startReader(page), await startReader(page)];
    await first.open(readFileSync(join(FOLDER, name)), name);
    const given = await first.exported({ format: "pcapng", rows: "all" });
    const file = join(folder, `${name}.pcapng`);
    writeFileSync(file, given);

    const again = await second.open(given, name);
    assert.equal(again.trouble, null, name);
    assert.deepEqual(await allRows(second), await allRows(first), name);
    const twice = await second.exported({ format: "pcapng", rows: "all" });
    assert.ok(twice.equals(given), `${name}: the second time it is other bytes`);

    const decoded = execFileSync(program(), ["decode", file], { encoding: "utf8", maxBuffer: MOST });
    assert.deepEqual(linesOf(decoded), linesOf(readFileSync(join(FOLDER, `${name}.jsonl`), "utf8")), name);

    const tshark = (path, ...args) =>
      execFileSync("tshark", ["-r", path, "-o", "tcp.reassemble_out_of_order:TRUE", ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    assert.equal(tshark(file, "-Y", "_ws.malformed"), "", name);
    const fields = ["tcp.stream", "websocket.opcode", "websocket.payload_length", "websocket.masking_key"];
    const frames = (path) =>
      tshark(path, "-Y", "websocket", "-T", "fields", ...fields.flatMap((field) => ["-e", field]));
    assert.equal(frames(file), frames(join(FOLDER, name)), name);
    await Promise.all([first.end(), second.end()]);
  }
});
