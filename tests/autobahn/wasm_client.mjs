// The client of the wasm module as Autobahn's client under test, under Node: what tests/examples/autobahn_client.rs is for
// the native one.
//
//   node tests/autobahn/wasm_client.mjs PACKAGE ws://127.0.0.1:9001
//
// PACKAGE is the folder that wasm-client/package.sh makes, and prints.

import { once } from "node:events";
import { createRequire } from "node:module";
import { resolve } from "node:path";

/** What the cases want of a client: large messages, and compression of every reply, however small. */
const OPTIONS = {
  messageMax: 64 << 20,
  // Some cases take up only an offer that says we would begin each message with an empty window.
  compression: { clientNoContextTakeover: true, level: 1, threshold: 0 },
};

async function main([folder, base]) {
  if (!folder || !base) throw new Error("usage: wasm_client.mjs PACKAGE ws://127.0.0.1:9001");
  const { WebSocketClient } = createRequire(import.meta.url)(resolve(folder));
  const counter = new WebSocketClient(`${base}/getCaseCount`);
  const counted = once(counter, "message");
  await once(counter, "close");
  const [data] = await counted;
  const count = Number(data);
  for (let number = 1; number <= count; number++) {
    const client = new WebSocketClient(`${base}/runCase?case=${number}&agent=framescope-wasm`, OPTIONS);
    client.on("message", (data, isBinary) => client.send(isBinary ? data : data.toString()));
    // What the cases break on purpose.
    client.on("error", () => {});
    await new Promise((ended) => client.once("close", ended));
  }
  const reports = new WebSocketClient(`${base}/updateReports?agent=framescope-wasm`);
  await once(reports, "close");
  console.log(`${count} cases`);
}

await main(process.argv.slice(2));
