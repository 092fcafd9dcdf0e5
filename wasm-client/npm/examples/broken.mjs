// Breaks a rule of RFC 6455 on purpose, and shows what the server makes of it.
//
//   node examples/broken.mjs ws://127.0.0.1:8080/echo

import { WebSocketClient, WebSocketFrame } from "framescope-client";

const [url = "ws://127.0.0.1:8080/echo"] = process.argv.slice(2);

const unmasked = new WebSocketFrame(1, new TextEncoder().encode("no mask"));

const fragmentedPing = new WebSocketFrame(9);
fragmentedPing.fin = false;
fragmentedPing.masked = true;

const tooLong = new WebSocketFrame(2, new Uint8Array(5));
tooLong.masked = true;
tooLong.lengthForm = 64;

for (const [what, frame] of Object.entries({ unmasked, fragmentedPing, tooLong })) {
  const client = new WebSocketClient(url);
  client.on("error", (error) => console.error(error.message));
  client.sendFrame(frame);
  // Some servers take what they should not: with those, this is all there is.
  client.close(1000, "it was taken");
  const [code, reason] = await new Promise((resolve) => client.on("close", (...args) => resolve(args)));
  console.log(`${what}: closed with ${code} ${reason}`);
}
