// Files that are damaged, lie, or are something else altogether: whatever is wrong is said where it is, and the page and its
// worker live on.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { allRows, startReader } from "./capture-support.mjs";
import { openPage, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };
const FOLDER = new URL("../fixtures/captures/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER));
const GOOD = read("foreign/ws-no-takeover.pcap");

const CAPTURES = [
  ...readdirSync(new URL("foreign/", FOLDER))
    .filter((name) => !name.endsWith(".jsonl"))
    .map((name) => [name, read(`foreign/${name}`)]),
  // Of the tap's fixture the first connection, without its long message.
  ["tap.pcapng", read("tap.pcapng").subarray(0, 1600)],
];

/** The same numbers each time. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A copy with something else at a place. @param {Buffer} bytes @param {number} at @param {number[]} others */
function withBytes(bytes, at, others) {
  const copy = Buffer.from(bytes);
  Buffer.from(others).copy(copy, at);
  return copy;
}

function* truncated([name, bytes]) {
  for (const part of [0.02, 0.2, 0.5, 0.77, 0.99]) {
    yield [`${name}, the first ${100 * part} %`, bytes.subarray(0, Math.ceil(part * bytes.length))];
  }
}

function* flipped([name, bytes], pick) {
  for (let turn = 0; turn < 12; turn += 1) {
    const copy = Buffer.from(bytes);
    for (let flips = 0; flips <= turn; flips += 1) copy[pick(copy.length)] ^= 1 << pick(8);
    yield [`${name}, ${turn + 1} bits flipped`, copy];
  }
}

function* lying([name, bytes], pick) {
  for (const word of [
    [0, 0, 0, 0],
    [0xff, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0x7f],
    [3, 0, 0, 0],
  ]) {
    // Where lengths stand: of the first block or record, and anywhere.
    for (const at of [4, 16, 24, 32, 4 * pick(Math.floor(bytes.length / 4))]) {
      yield [`${name}, ${Buffer.from(word).toString("hex")} at ${at}`, withBytes(bytes, at, word)];
    }
  }
}

const MIB = 1 << 20;
/** What is no capture, or a capture of nothing. */
const OTHERS = {
  "nothing at all": Buffer.alloc(0),
  "one byte": Buffer.from([0x0a]),
  zeros: Buffer.alloc(MIB),
  noise: Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7919 + (at >> 3) * 104729) & 255)),
  "a picture": Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"),
  "a page": Buffer.from("<!doctype html><title>No capture</title><p>Hello"),
  "a zip": Buffer.from("504b0304140000000800", "hex"),
  "gzip of nothing": gzipSync(Buffer.alloc(0)),
  "gzip of a text": gzipSync(Buffer.from("no capture, as anybody can see\n")),
  "gzip of gzip of gzip": gzipSync(gzipSync(gzipSync(gzipSync(GOOD)))),
  "a bomb": gzipSync(Buffer.alloc(200 * MIB), { level: 9 }),
  "a bomb of pcap": gzipSync(Buffer.concat([GOOD.subarray(0, 24), Buffer.alloc(60 * MIB)]), { level: 9 }),
  "gzip with rubbish behind it": Buffer.concat([gzipSync(GOOD), Buffer.from("rubbish")]),
  "JSON that is no HAR": Buffer.from('{"log": 7}'),
  "HAR with nothing in it": Buffer.from('{"log":{"version":"1.2","entries":[]}}'),
  "HAR that lies": Buffer.from(
    '{"log":{"entries":[{"startedDateTime":"never","request":{"url":7},"_webSocketMessages":[{"type":"x","time":1e999,"opcode":-1,"data":null}]}]}}',
  ),
  "JSON a hundred thousand deep": Buffer.from(`{"log":${"[".repeat(100_000)}`),
  "NetLog that lies": Buffer.from('{"constants":{"logEventTypes":[]},"events":[{"type":"x","params":[]}]}'),
  "a hex dump that stops": Buffer.from("00000000: 8185 37fa 213d 7f9f  ..7.!=..\n00000008: 4d\n000000"),
  "text with a capture's beginning": Buffer.from("\n\r\r\n and then some text that is no pcapng at all, not at all"),
};

/** What is lost must be said: in words for the file as a whole, or in a row. */
const isSaid = (source, rows) =>
  source.trouble !== null || rows.some(({ kind }) => kind === "note" || kind === "gap") || source.unread.length > 0;

/** All that is said of what is wrong, to compare: in words, or in rows that are not as they were. */
const sayings = ({ trouble, reading, unread }, rows) =>
  JSON.stringify([
    trouble,
    reading.words,
    unread.length,
    rows
      .filter(({ kind, violations }) => kind !== "frame" || violations.length > 0)
      .map(({ kind, direction, preview, violations }) => [kind, direction, preview, violations]),
  ]);

const framesOf = (rows) => rows.filter(({ kind }) => kind === "frame").length;

/** Opens a file, looks at all there is of it, and takes it away again. */
async function survive(reader, name, bytes) {
  const source = await reader.open(bytes, name);
  assert.equal(source.reading.state, "done", `${name}: ${source.reading.words}`);
  assert.ok(source.done, name);
  const rows = await allRows(reader);
  for (const row of rows.slice(0, 3).concat(rows.slice(-3))) {
    assert.ok(await reader.ask("frame", row.index), `${name}, row ${row.index}`);
  }
  await reader.ask("removeSource", source.source);
  return { source, rows };
}

test("what is cut off is said, and what there was is shown", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const reader = await startReader(page);
  for (const capture of CAPTURES) {
    for (const [name, bytes] of truncated(capture)) {
      const { source, rows } = await survive(reader, name, bytes);
      assert.ok(isSaid(source, rows), `${name}: ${JSON.stringify(source)}`);
    }
  }
});

test("bits that flipped and lengths that lie stop nobody, and take no frame away in silence", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const reader = await startReader(page);
  const pick = random(6455);
  const tally = { fewer: 0, said: 0, all: 0 };
  for (const capture of CAPTURES) {
    const whole = await survive(reader, ...capture);
    for (const [name, bytes] of [...flipped(capture, pick), ...lying(capture, pick)]) {
      const { source, rows } = await survive(reader, name, bytes);
      const isOther = sayings(source, rows) !== sayings(whole.source, whole.rows);
      const isFewer = framesOf(rows) < framesOf(whole.rows);
      tally.all += 1;
      tally.said += Number(isOther);
      tally.fewer += Number(isFewer);
      // Another payload may be what was sent. A frame that is gone is gone for a reason, and that is told.
      const frames = `${framesOf(rows)} of ${framesOf(whole.rows)} frames`;
      assert.ok(isOther || !isFewer, `${name}: ${frames}, and not a word`);
    }
  }
  assert.ok(tally.fewer > 0, "nothing was judged");
  t.diagnostic(`of ${tally.all} files ${tally.fewer} have fewer frames; of ${tally.said} something was said`);
  // After all that, a good file is read as ever.
  const { source, rows } = await survive(reader, "good", GOOD);
  assert.deepEqual([source.trouble, rows.length], [null, 36]);
});

test("what is no capture is told to be none, and bombs do not go off", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const reader = await startReader(page);
  for (const [name, bytes] of Object.entries(OTHERS)) {
    const { source, rows } = await survive(reader, name, bytes);
    assert.ok(isSaid(source, rows), `${name}: ${JSON.stringify(source)}, ${rows.length} rows`);
  }
  const { source, rows } = await survive(reader, "good", GOOD);
  assert.deepEqual([source.trouble, rows.length], [null, 36]);
});

test("the page says what is wrong with a file, and opens the next one", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  const put = (name, buffer) => page.locator("#files-input").setInputFiles({ name, mimeType: "", buffer });
  const source = (name) => page.getByRole("region", { name, exact: true });
  const toast = (text) => page.locator(".toast").filter({ hasText: text }).first();
  const rows = page.getByRole("grid", { name: "Captured frames" }).getByRole("row");

  // A note of its own says what it is, where it is, and so does what comes up.
  await put("picture.png", OTHERS["a picture"]);
  await toast("picture.png: 1 row; byte 0: this looks like a PNG image").waitFor();
  await source("picture.png").getByText("no format known here").waitFor();
  const note = page.getByRole("gridcell", { name: "note", exact: true });
  await rows.filter({ has: note }).filter({ hasText: "byte 0: this looks like a PNG image" }).waitFor();

  await put("cut.pcap", GOOD.subarray(0, 3000));
  await toast("cut.pcap: 16 rows; byte 2969: pcap: the file ends within a packet").waitFor();
  await source("cut.pcap").getByText("16 rows").waitFor();

  await put("good.pcap", GOOD);
  await toast(/^good\.pcap: 36 rows×?$/).waitFor();
  await source("good.pcap").getByText("36 rows").waitFor();
});
