// The half of the bench that runs in the page.

import init, { MessageReader } from "/pkg/client/framescope_wasm.js";
import Receiver from "/ws.js";

/** What a read from a socket may bring. */
const READ = 128 << 10;
/** Bytes of payload in one go. */
const VOLUME = 8 << 20;
const KEY = [0x37, 0xfa, 0x21, 0x3d];
const X = 0x78;

await init();

/** A stream of one frame over and over, in reads. */
function stream(length, kind) {
  const header = [kind === "text" ? 0x81 : 0x82];
  if (length < 126) header.push(0x80 | length);
  else if (length < 1 << 16) header.push(0xfe, length >> 8, length & 0xff);
  else header.push(0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff);
  header.push(...KEY);
  const frame = new Uint8Array(header.length + length);
  frame.set(header);
  for (let at = 0; at < length; at++) frame[header.length + at] = X ^ KEY[at & 3];
  const count = Math.max(4, Math.floor(VOLUME / (length + 24)));
  const wire = new Uint8Array(frame.length * count);
  for (let at = 0; at < count; at++) wire.set(frame, at * frame.length);
  const reads = [];
  for (let at = 0; at < wire.length; at += READ) reads.push(wire.slice(at, at + READ));
  return { reads, count };
}

const receivers = {
  wasm(reads) {
    const reader = new MessageReader("c2s", null);
    let total = 0;
    for (const read of reads) {
      for (let found = reader.read(read); found.length > 0; found = reader.read()) {
        total += look(found, reader.memory());
      }
    }
    reader.free();
    return total;
  },
  ws(reads) {
    const receiver = new Receiver({ isServer: true, maxPayload: 8 << 20 });
    let total = 0;
    receiver.on("message", (data) => {
      if (data[0] !== X) throw new Error("not what was sent");
      total += data.length;
    });
    for (const read of reads) receiver.write(read);
    return total;
  },
};

/** What a page does with a table of messages. */
function look(found, memory) {
  let total = 0;
  for (let at = 0; at < found.length; at += 3) {
    if (memory[found[at + 1]] !== X) throw new Error("not what was sent");
    total += found[at + 2] - found[at + 1];
  }
  return total;
}

/** How long a message takes, in nanoseconds. */
export function run(who, length, kind) {
  const { reads, count } = stream(length, kind);
  const started = performance.now();
  const total = receivers[who](reads);
  const took = performance.now() - started;
  if (total !== count * length) throw new Error(`${who}: ${total} bytes of ${count} messages of ${length}`);
  return (took * 1e6) / count;
}
