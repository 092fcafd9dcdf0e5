// Captures of software that is not ours, read by ours, by Wireshark and by Python's `websockets`: every header field and
// every message has to agree, except for what DIFFERENCES.md says, and all that it says has to be true.
//
// Environment: FRAMESCOPE_PYTHON, a Python with the package websockets; FRAMESCOPE_PROGRAM, as for the browser tests;
// FRAMESCOPE_KEEP, a folder to leave the captures in.

import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { againstWebsockets, againstWireshark, deflateOf } from "./compare.mjs";
import { segments, TORN, WHOLE } from "./damage.mjs";
import { REASONS, reasonOf, tableUnder } from "./differences.mjs";
import { complaints, followed, lines, ours, websockets, wireshark, wiresharkVersion } from "./readings.mjs";
import { record } from "./record.mjs";
import { SCENES } from "./scenes.mjs";
import { CASES, violate } from "./violations.mjs";

const TIMEOUT = { timeout: 120_000 };

/** DIFFERENCES.md is about this one; another may have learned, or forgotten, something. */
const WIRESHARK = "4.0";

const folder = process.env.FRAMESCOPE_KEEP ?? mkdtempSync(join(tmpdir(), "framescope-captures-"));
after(() => process.env.FRAMESCOPE_KEEP ?? rm(folder, { recursive: true, force: true }));
const captureOf = (name) => join(folder, `${name.replaceAll(/[^\w-]+/g, "-")}.pcapng`);

/** The names of the differences that were seen. */
const seen = new Set();

/**
 * Reads a capture with ours and with Wireshark, and holds frame against frame.
 *
 * @param {string} name
 * @param {string} file
 * @returns {Promise<Map<number, any>>} what we read
 */
async function agree(name, file) {
  const [mine, theirs] = await Promise.all([lines(file).then(ours), wireshark(file)]);
  assert.deepEqual(
    [...theirs.keys()].filter((stream) => !mine.has(stream)),
    [],
    "streams that only Wireshark knows",
  );
  for (const [stream, both] of mine) {
    const answer = both.s2c.events.find(({ event }) => event === "handshake");
    explain(againstWireshark(`${name}, stream ${stream},`, both, sides(theirs.get(stream)), deflateOf(answer)));
  }
  return mine;
}

/** Holds each message against those of `websockets`, fed the same bytes. @param {string} name @param {string} file */
async function agreeOnMessages(name, file, mine) {
  const judged = await websockets(await followed(file, [...mine.keys()]));
  for (const [at, [stream, both]] of [...mine].entries()) {
    explain(againstWebsockets(`${name}, stream ${stream},`, both, judged[at]));
  }
}

/** Each difference has its reason, and that has its line in the table. */
function explain(found) {
  for (const difference of found) {
    const reason = reasonOf(difference);
    const { where, aspect, ours: mine, theirs } = difference;
    const short = (value) => String(typeof value === "object" ? JSON.stringify(value) : value).slice(0, 120);
    assert.ok(reason, `${where}: ${aspect} is ${short(mine)} for us, and ${short(theirs)} for ${difference.reader}`);
    seen.add(reason);
  }
}

/** By direction what came by source. */
function sides(stream) {
  const both = { c2s: [], s2c: [] };
  for (const frames of Object.values(stream?.bySource ?? {})) both[frames[0].mask === 1 ? "c2s" : "s2c"] = frames;
  return both;
}

// ---- Captured as they talk -----------------------------------------------------------------------------

for (const { name, run } of SCENES) {
  test(`${name}: three programs read the same`, TIMEOUT, async (t) => {
    const file = captureOf(name);
    await run(t, (port, talk) => record(file, port, talk));
    const mine = await agree(name, file);
    await agreeOnMessages(name, file, mine);
    for (const both of mine.values()) {
      for (const direction of ["c2s", "s2c"]) {
        const { frames, events } = both[direction];
        assert.deepEqual(
          frames.flatMap(({ rules }) => rules),
          [],
          "nobody breaks a rule here",
        );
        assert.deepEqual(
          events.filter(({ event }) => event !== "handshake" && event !== "end"),
          [],
        );
      }
    }
  });
}

// ---- Rules broken ------------------------------------------------------------------------------------

test("each broken rule is named, beside what the others say of it", TIMEOUT, async (t) => {
  const file = captureOf("violations");
  await violate(t, (port, talk) => record(file, port, talk));
  const mine = ours(await lines(file));
  const theirs = await complaints(file);
  const judged = await websockets(await followed(file, [...CASES.keys()]));
  const rows = new Map();
  for (const [stream, { rule, direction }] of CASES.entries()) {
    const frame = mine.get(stream)[direction].frames.find(({ rules }) => rules.includes(rule));
    assert.ok(frame, `${rule} ${direction}: not found in ${JSON.stringify(mine.get(stream)[direction].frames)}`);
    const violation = frame.violations.find((it) => it.rule === rule);
    const { code, why } = judged[stream][direction];
    const row = rows.get(rule) ?? {
      section: violation.section,
      code: violation.close_code,
      websockets: new Set(),
      wireshark: new Set(),
    };
    rows.set(rule, row);
    row.websockets.add(String(code ?? why));
    for (const complaint of theirs.get(stream) ?? ["nothing"]) row.wireshark.add(complaint);
  }
  const table = [...rows].map(([rule, { section, code, websockets: codes, wireshark: says }]) => [
    rule,
    section,
    String(code),
    [...codes].sort().join(", "),
    [...says].sort().join(", "),
  ]);
  const written = tableUnder("Broken rules");
  const isOurs = (await wiresharkVersion()) === WIRESHARK;
  const columns = isOurs ? 5 : 4;
  assert.deepEqual(
    written.map((row) => row.slice(0, columns)),
    table.map((row) => row.slice(0, columns)),
    `as measured:\n${table.map((row) => `| ${row.join(" | ")} |`).join("\n")}`,
  );
  for (const [rule, , closes, other, , why] of written) assert.ok(closes === other || why, `${rule}: why they differ`);
});

// ---- The same conversation, captured otherwise -----------------------------------------------------------

/** What was said, without when and how it was captured. */
const said = (both) => ["c2s", "s2c"].map((direction) => both[direction].frames.map(({ place, ...frame }) => frame));

for (const scene of ["ws-deflate", "websockets-plain"]) {
  for (const [name, damage] of Object.entries(WHOLE)) {
    test(`${scene}, ${name}, is the same conversation`, TIMEOUT, async () => {
      const packets = segments(captureOf(scene));
      const file = captureOf(`${scene} ${name}`);
      writeFileSync(file, damage(packets, `${file}.tmp`));
      const [whole] = ours(await lines(captureOf(scene))).values();
      const mine = await agree(`${scene}, ${name}`, file);
      assert.equal(mine.size, 1);
      assert.deepEqual(said(mine.get(0)), said(whole));
      const others = ["c2s", "s2c"].flatMap((direction) => mine.get(0)[direction].events.map(({ event }) => event));
      assert.deepEqual(
        others.filter((event) => event !== "handshake" && event !== "end"),
        [],
      );
    });
  }

  for (const [name, damage] of Object.entries(TORN)) {
    test(`${scene}, ${name}: nothing is invented, and what is missing is said`, TIMEOUT, async () => {
      const packets = segments(captureOf(scene));
      const file = captureOf(`${scene} ${name}`);
      writeFileSync(file, damage(packets, `${file}.tmp`));
      const [whole] = ours(await lines(captureOf(scene))).values();
      const all = await lines(file);
      const mine = ours(all).get(0);
      for (const direction of ["c2s", "s2c"]) inOrder(whole[direction].frames, mine?.[direction].frames ?? []);
      const isLess = ["c2s", "s2c"].some((direction) => {
        const frames = mine?.[direction].frames ?? [];
        return frames.length < whole[direction].frames.length || frames.some(({ message }) => message?.whole === false);
      });
      // Frames can be read without the answer: nothing else was in that segment.
      assert.ok(isLess || name === "the answer is lost", "damage that does no damage");
      const isSaid = all.some(({ event }) => ["gap", "note", "fault", "joined-late"].includes(event));
      // Where a capture ends between frames, nobody can know.
      assert.ok(isSaid || name === "it ends in the middle", JSON.stringify(all.filter(({ event }) => event)));
    });
  }
}

/** Each frame is one of the whole conversation, in its order; of its payload, what there is is right. */
function inOrder(whole, frames) {
  let at = 0;
  for (const frame of frames) {
    const same = (other) =>
      ["fin", "rsv", "opcode", "mask", "key", "length"].every((field) => frame[field] === other[field]) &&
      other.payload.startsWith(frame.payload);
    while (at < whole.length && !same(whole[at])) at += 1;
    assert.ok(at < whole.length, `a frame that was never sent: ${JSON.stringify(frame)}`);
    const message = whole[at].message;
    at += 1;
    assert.deepEqual(frame.rules, [], "no rule was broken");
    if (frame.message && frame.message.whole !== false) assert.deepEqual(frame.message, message);
  }
}

// ---- The table -----------------------------------------------------------------------------------------

test("each line of the table was seen to be so, and nothing else was", async (t) => {
  const written = tableUnder("Wireshark").map(([name]) => name);
  assert.deepEqual(
    written.toSorted(),
    Object.keys(REASONS).toSorted(),
    "the table, and the reasons that the tests know",
  );
  const version = await wiresharkVersion();
  const unseen = written.filter((name) => !seen.has(name));
  if (version === WIRESHARK) assert.deepEqual(unseen, [], "these differ no longer");
  else t.diagnostic(`Wireshark ${version}, the table is about ${WIRESHARK}; not seen: ${unseen.join(", ") || "none"}`);
});
