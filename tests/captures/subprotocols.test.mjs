// Subprotocols as other people's software speaks them, each recorded by our proxy as it talks: what our reader says of each
// message is what it says of the captures that are kept (tests/fixtures/captures/subprotocols), but for numbers and names
// that the software makes up.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../browser/support.mjs";
import { FIXTURES, meanings, recordTalk } from "../subprotocols/reading.mjs";
import { TALKS } from "../subprotocols/talks.mjs";

const TIMEOUT = { timeout: 60_000 };

/** In no order: either end says things when it likes. */
const comparable = (lines) =>
  lines.map((line) => line.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\b\d{2,5}\b/gu, "#")).toSorted();

for (const [name, talk] of Object.entries(TALKS)) {
  test(`${name}: each message is known for what it is`, TIMEOUT, async (t) => {
    const file = join(temporaryFolder(t), `${name}.pcapng`);
    await recordTalk(t, talk, file);
    const found = await meanings(file);
    const kept = readFileSync(join(FIXTURES, `${name}.txt`), "utf8")
      .trim()
      .split("\n");
    assert.deepEqual(comparable(found), comparable(kept));
    for (const line of found) assert.equal(line.split(" ")[1], talk.protocol, line);
  });
}
