// Parts of the lab that need no page: bytes as people type them, writes, what is kept, and how two runs of answers compare.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, fromHex, preview, toBase64, toHex, Unreadable } from "../../www/inspector/tools/lab/bytes.js";
import { compared, ignoredNames } from "../../www/inspector/tools/lab/difference.js";
import { newOpening, openingBytes, rawOf } from "../../www/inspector/tools/lab/opening.js";
import { asComposition, newComposition } from "../../www/inspector/tools/lab/saved.js";
import { writesOf } from "../../www/inspector/tools/lab/writes.js";

const bytes = (text) => new TextEncoder().encode(text);

test("bytes are read as people write them, or it is said what is wrong", () => {
  for (const text of ["81 05 48", "810548", "0x81,0x05,0x48", "\\x81\\x05\\x48", "81:05:48", "81\n05\t48"]) {
    assert.equal(toHex(fromHex(text)), "810548", text);
  }
  for (const text of ["QUJD", "QU JD", "QUI=", "_-8", ""]) {
    assert.equal(toBase64(fromBase64(text)), Buffer.from(text, "base64").toString("base64"), text);
  }
  for (const [read, text] of [
    [fromHex, "8"],
    [fromHex, "81 5"],
    [fromHex, "81 zz"],
    [fromBase64, "a*"],
    [fromBase64, "QUJDR"],
  ]) {
    assert.throws(() => read(text), Unreadable, text);
  }
  assert.equal(preview(bytes("é".repeat(200)), 10), `${"é".repeat(9)}…`);
  assert.match(preview(Uint8Array.of(0, 1, 2, 255)), /^00 01 02 ff/);
});

test("a queue is cut into writes, and each frame ends in one of them", () => {
  const piece = (text, headerLength, pause = 0, isClose = false) => ({
    bytes: bytes(text),
    headerLength,
    pause,
    isClose,
  });
  const pieces = [piece("abcdef", 2, 5), piece("ghij", 1, 7, true)];
  const cut = (how, at = "", between = 0) =>
    writesOf(pieces, how, at, between).map((write) => [
      Buffer.from(write.bytes).toString(),
      write.pause,
      write.frames,
      write.isClose,
    ]);
  assert.deepEqual(cut("each"), [
    ["abcdef", 5, 1, false],
    ["ghij", 7, 1, true],
  ]);
  assert.deepEqual(cut("one"), [["abcdefghij", 5, 2, true]]);
  assert.deepEqual(cut("header", "", 1), [
    ["a", 5, 0, false],
    ["b", 1, 0, false],
    ["cdef", 1, 1, false],
    ["g", 8, 0, false],
    ["hij", 1, 1, true],
  ]);
  assert.deepEqual(cut("at", "7, 3"), [
    ["abc", 5, 0, false],
    ["defg", 0, 1, false],
    ["hij", 0, 1, true],
  ]);
  assert.equal(cut("bytes").length, 10);
  for (const at of ["0", "10", "x", "1.5"]) assert.throws(() => cut("at", at), Unreadable, at);
  assert.throws(() => writesOf([piece("x".repeat(5000), 2)], "bytes", "", 0), Unreadable);
});

test("two runs of answers, message by message", () => {
  const answer = (text, kind = "text") => ({ kind, bytes: bytes(text), row: null });
  const compare = (captured, live, ignored = "") =>
    compared(
      captured.map((text) => answer(text)),
      live.map((text) => answer(text)),
      ignoredNames(ignored),
    ).map(({ verdict, differences }) => [verdict, ...differences].join(" "));
  assert.deepEqual(compare([], []), []);
  assert.deepEqual(compare(["a", "b"], ["a", "b"]), ["same", "same"]);
  assert.deepEqual(compare(["a", "b", "c"], ["a", "c"]), ["same", "missing", "same"]);
  assert.deepEqual(compare(["a", "c"], ["a", "b", "c", "d"]), ["same", "extra", "same", "extra"]);
  assert.deepEqual(compare(["a", "bcd", "e"], ["a", "bxd", "e"]), [
    "same",
    "differs from byte 1 on (3 and 3 bytes): “bcd” → “bxd”",
    "same",
  ]);
  // JSON: order of members is nothing, and neither is what is ignored.
  const [one, other] = ['{"id":1,"a":{"time":5,"x":[1,2]}}', '{"a":{"x":[1,3],"time":6},"id":2}'];
  assert.deepEqual(compare([one], [one.replace('"id":1,', "").replace("}}", '},"id":1}')]), ["same"]);
  assert.deepEqual(compare([one], [other]), ["differs id: 1 → 2 a.time: 5 → 6 a.x.1: 2 → 3"]);
  assert.deepEqual(compare([one], [other], "id, time"), ["differs a.x.1: 2 → 3"]);
  assert.deepEqual(compare([one], [other], "id a.time x"), ["same"]);
  assert.deepEqual(compare([one], ["not json"]), [
    `differs from byte 0 on (${one.length} and 8 bytes): “${one.slice(0, 24)}” → “not json”`,
  ]);
  // Of another kind is another message.
  const kinds = compared([answer("x")], [answer("x", "binary")], []).map(({ verdict }) => verdict);
  assert.deepEqual(kinds.toSorted(), ["extra", "missing"]);
  const close = (code) => ({ kind: "close", bytes: Uint8Array.of(code >> 8, code & 255), row: null });
  assert.deepEqual(compared([close(1000)], [close(1002)], [])[0].differences, ["1000 → 1002"]);
  // Long runs are paired in time.
  const many = Array.from({ length: 5000 }, (_, at) => `message ${at}`);
  assert.equal(
    compare(
      many,
      many.map((text, at) => (at % 1000 === 999 ? "other" : text)),
    ).filter((words) => words === "same").length,
    4995,
  );
});

test("what is kept is read back, whatever else stands there", () => {
  const kept = { ...newComposition(), cut: "bytes", target: { server: "npm", path: "/x" } };
  assert.deepEqual(asComposition(JSON.parse(JSON.stringify(kept))), kept);
  for (const garbage of [null, 7, "x", [], {}, { items: 5 }]) assert.equal(asComposition(garbage), null);
  const mended = asComposition({
    items: [{ type: "frame", opcode: 1.5, masked: "yes", payload: 7, extra: 1 }, { type: "odd" }],
    cut: 9,
  });
  assert.deepEqual(mended, { ...newComposition(), items: [{ ...newComposition().items[0] }] });
});

test("the opening handshake, by its parts and by hand", () => {
  const url = "ws://example.org:81/a?b=1";
  const text = ({ bytes: made }) => Buffer.from(made).toString();
  const usual = text(openingBytes({ ...newOpening(), protocols: "mqtt", headers: "X-A: 1\n\nX-B:2" }, url));
  assert.match(usual, /^GET \/a\?b=1 HTTP\/1\.1\r\nHost: example\.org:81\r\n/);
  assert.match(usual, /\r\nSec-WebSocket-Protocol: mqtt\r\n.*\r\nX-A: 1\r\nX-B:2\r\n\r\n$/s);
  assert.deepEqual(
    openingBytes({ ...newOpening(), headers: "nothing" }, url).problems.map(({ field }) => field),
    ["headers"],
  );
  const raw = { ...newOpening(), isRaw: true, raw: rawOf(newOpening()) };
  const head = (made) => made.replace(/Key: .*\r/, "Key: k\r");
  assert.equal(head(text(openingBytes(raw, url))), head(text(openingBytes(newOpening(), url))));
  assert.equal(text(openingBytes({ ...raw, raw: "GARBAGE {path}\n" }, url)), "GARBAGE /a?b=1\r\n");
});
