// Makes tests/fixtures/captures/subprotocols anew: a capture of each talk, and beside it what our reader makes of its
// messages. Look at what changes: that it is right, nobody but a reader says.
//
//   node tests/subprotocols/fixtures.mjs [NAME..]

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FIXTURES, meanings, recordTalk } from "./reading.mjs";
import { TALKS } from "./talks.mjs";

mkdirSync(FIXTURES, { recursive: true });
const wanted = process.argv.slice(2);
for (const [name, talk] of Object.entries(TALKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const ends = [];
  const file = join(FIXTURES, `${name}.pcapng`);
  rmSync(file, { force: true });
  await recordTalk({ after: (end) => ends.unshift(end) }, talk, file);
  for (const end of ends) await end();
  writeFileSync(join(FIXTURES, `${name}.txt`), `${(await meanings(file)).join("\n")}\n`);
}
process.exit();
