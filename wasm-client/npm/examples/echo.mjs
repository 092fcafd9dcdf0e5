// Connects, pings, says something, closes, and shows each frame on the way.
//
//   node examples/echo.mjs ws://127.0.0.1:8080/echo

import { WebSocketClient, WebSocketFrame } from "framescope-client";

const [url = "ws://127.0.0.1:8080/echo"] = process.argv.slice(2);
const client = new WebSocketClient(url);

client.on("frame", (direction, bytes) => {
  const { opcodeName, fin, masked, byteLength } = WebSocketFrame.load(bytes);
  console.log(direction === "c2s" ? "-->" : "<--", opcodeName, { fin, masked, byteLength });
});
client.on("open", () => {
  console.log("open:", client.url, client.extensions || "no extensions");
  console.time("round trip");
  client.ping("are you there?");
});
client.on("pong", (payload) => {
  console.timeEnd("round trip");
  console.log("pong:", payload.toString());
  client.send("Hello! ".repeat(3), { fragmentSize: 7 });
});
client.on("message", (data, isBinary) => {
  console.log("message:", isBinary ? data : data.toString());
  client.close(1000, "that was all");
});
client.on("close", (code, reason, wasClean) => {
  console.log("close:", code, reason, wasClean);
  process.exitCode = wasClean ? 0 : 1;
});
client.on("error", (error) => console.error("error:", error.code, error.message));
