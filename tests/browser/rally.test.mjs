// Which pong answers which ping, and what a payload is: what ping-pong reckons, without a page around it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PAYLOAD_MAX, payloadOf, payloadWords } from "../../www/ping-pong/payload.js";
import { Rally } from "../../www/ping-pong/rally.js";

const bytes = (text) => new TextEncoder().encode(text);
const hex = (text) => Buffer.from(text).toString("hex");
const states = ({ pings }) => pings.map(({ state }) => state).join(" ");

/** A rally with these payloads on their way, one each millisecond from 0. */
function rallyOf(...payloads) {
  const rally = new Rally();
  for (const [at, payload] of payloads.entries()) rally.sent(bytes(payload), at);
  return rally;
}

test("of pings with the same payload the oldest is answered first", () => {
  const rally = rallyOf("a", "a", "a");
  for (const number of [1, 2, 3]) assert.equal(rally.answered(bytes("a"), 10)?.ping.number, number);
  assert.equal(rally.answered(bytes("a"), 11), null);
  assert.deepEqual(
    rally.pings.map(({ trip }) => trip),
    [10, 9, 8],
  );
});

// RFC 6455, 5.5.3
test("a pong for a later ping passes over those before it", () => {
  const rally = rallyOf("a", "b", "c");
  const found = rally.answered(bytes("b"), 5);
  assert.deepEqual(
    found?.skipped.map(({ number }) => number),
    [1],
  );
  assert.equal(states(rally), "unanswered answered waiting");
  const { sent, answered, unanswered, waiting } = rally.figures;
  assert.deepEqual([sent, answered, unanswered, waiting], [3, 1, 1, 1]);
});

test("what took too long counts as unanswered until it is answered after all", () => {
  const rally = rallyOf("a", "b");
  assert.equal(rally.overdue(5_000).length, 0);
  assert.equal(rally.overdue(5_001.5).length, 2);
  assert.equal(rally.overdue(9_000).length, 0);
  const late = rally.answered(bytes("a"), 9_000);
  assert.deepEqual([late?.wasLate, late?.ping.number, late?.skipped.length], [true, 1, 0]);
  assert.equal(states(rally), "answered unanswered");
  assert.deepEqual([rally.figures.answered, rally.figures.unanswered], [1, 1]);
});

test("a connection that ends leaves what was on its way unanswered", () => {
  const rally = rallyOf("a", "b");
  rally.answered(bytes("a"), 1);
  assert.deepEqual(
    rally.cut().map(({ number }) => number),
    [2],
  );
  assert.equal(rally.cut().length, 0);
  assert.equal(rally.figures.waiting, 0);
});

test("frames find their pings, before the events and after them", () => {
  const rally = rallyOf("a", "b", "a");
  const frames = ["a", "b", "a"].map((payload) => [hex(payload), bytes(`ping ${payload}`)]);
  for (const [key, frame] of frames) rally.pingFrame(key, frame);
  assert.deepEqual(
    rally.pings.map(({ ping }) => ping),
    frames.map(([, frame]) => frame),
  );
  const pong = bytes("pong b");
  rally.pongFrame(hex("a"), bytes("pong a"));
  rally.answered(bytes("a"), 1);
  rally.answered(bytes("b"), 1);
  rally.pongFrame(hex("b"), pong);
  assert.deepEqual([rally.pings[0].pong, rally.pings[1].pong, rally.pings[2].pong], [bytes("pong a"), pong, null]);
});

test("an answer without a name is the oldest one's", () => {
  const rally = rallyOf("a", "b");
  assert.equal(rally.answeredNext(3)?.ping.number, 1);
  assert.equal(rally.answeredNext(3)?.ping.number, 2);
  assert.equal(rally.answeredNext(3), null);
});

test("the figures are those of the latest thousand", () => {
  const rally = new Rally();
  for (let at = 0; at < 1_500; at += 1) {
    rally.sent(bytes(String(at)), 0);
    rally.answered(bytes(String(at)), at + 1);
  }
  const { sent, answered, last, fastest, median, slowest } = rally.figures;
  assert.deepEqual([sent, answered, last, fastest, median, slowest], [1_500, 1_500, 1_500, 501, 1_001, 1_500]);
  assert.equal(rally.pings.length, 1_000);
});

test("a payload is what was typed, as text or in hex, if a ping has room for it", () => {
  const read = (typed, form) => {
    const { bytes: found, trouble } = payloadOf(typed, form);
    return trouble || Buffer.from(found).toString("hex");
  };
  assert.equal(read("", "text"), "");
  assert.equal(read("", "hex"), "");
  assert.equal(read("é", "text"), "c3a9");
  assert.equal(read(" 0x00 fF\t1a", "hex"), "00ff1a");
  assert.match(read("0", "hex"), /one too few/);
  assert.match(read("xyz", "hex"), /“x” is no hexadecimal digit/);
  assert.equal(read("a".repeat(PAYLOAD_MAX), "text").length, 250);
  assert.match(read("a".repeat(PAYLOAD_MAX + 1), "text"), /room for 125 bytes; this is 126/);
  assert.deepEqual([bytes(""), bytes("hi"), Uint8Array.of(0xff, 0), Uint8Array.of(0x61, 0x0a)].map(payloadWords), [
    "empty",
    "“hi”",
    "ff 00",
    "61 0a",
  ]);
});
