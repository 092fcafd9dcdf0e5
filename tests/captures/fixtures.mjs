// Makes tests/fixtures/captures/foreign anew: a few small captures of strangers, and beside each what `framescope decode`
// reads in it. Look at what changes: the suite `captures` is what says that the reading is right.
//
//   node tests/captures/fixtures.mjs       environment as for captures.test.mjs

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { segments, TORN, WHOLE } from "./damage.mjs";
import { decoded } from "./readings.mjs";
import { record } from "./record.mjs";
import { interleave, noise, talk } from "./scenes.mjs";
import { violate } from "./violations.mjs";

const FOLDER = fileURLToPath(new URL("../fixtures/captures/foreign/", import.meta.url));
const SHORT = ["", "hello", "hello", '{"type":"greeting","name":"héllo, 🌍"}', "x".repeat(126), noise(40), noise(40)];

const deflate = { deflate: {}, talk: SHORT };
const noTakeover = { deflate: { serverNoContextTakeover: true } };
const windows = { deflate: { server_max_window_bits: 10, client_max_window_bits: 12 }, isShort: true };

/** Each a scene, and what has become of its packets on the way into the file. */
const FIXTURES = {
  "ws-no-takeover.pcap": [talk("", ["ws", deflate], ["ws", noTakeover]).run, WHOLE["as it is"]],
  "websockets-windows.pcap.gz": [
    talk("", ["websockets", windows], ["websockets", { deflate: {} }]).run,
    (packets) => gzipSync(WHOLE["Linux cooked, version 2"](packets)),
  ],
  "chromium-torn.pcap": [talk("", ["Chromium", deflate], ["ws", deflate]).run, TORN["every ninth segment is lost"]],
  "interleaved-wrapped.pcap": [
    (t, begin) => interleave(t, { deflate: {} }, begin),
    WHOLE["wrapped, reordered and repeated"],
  ],
  "violations.pcap.gz": [violate, (packets) => gzipSync(WHOLE["with a VLAN tag"](packets))],
};

const folder = mkdtempSync(join(tmpdir(), "framescope-fixtures-"));
mkdirSync(FOLDER, { recursive: true });
for (const [name, [run, form]] of Object.entries(FIXTURES)) {
  const ends = [];
  const file = join(folder, "scene.pcapng");
  await run({ after: (end) => ends.push(end) }, (port, said) => record(file, port, said));
  for (const end of ends) await end();
  writeFileSync(join(FOLDER, name), form(segments(file, 60), join(folder, "form")));
  writeFileSync(join(FOLDER, `${name}.jsonl`), await decoded(join(FOLDER, name)));
}
await rm(folder, { recursive: true });
process.exit();
