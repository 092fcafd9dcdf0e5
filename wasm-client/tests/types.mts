// Compiles, and would not if the declarations were wrong: what a user of the package would write.

import init, { dissect, WebSocketClient, type WebSocketClientError, WebSocketFrame } from "framescope-client";

await init();
const client: WebSocketClient = new WebSocketClient("wss://example.com", {
  protocols: ["chat"],
  compression: { clientMaxWindowBits: 10, level: 9 },
  headers: { Cookie: "a=b" },
});
client
  .on("message", (data, isBinary) => {
    const text: string = isBinary ? "" : data.toString();
    client.send(text, { fragmentSize: 10 }).ping().pong(data).close(1000, "bye");
  })
  .once("close", (code: number, reason: string, wasClean: boolean) => console.log(code, reason, wasClean))
  .on("error", (error: WebSocketClientError) => console.log(error.code satisfies string, error.status, error.rule));

const frame = new WebSocketFrame(9, new Uint8Array(3));
frame.lengthForm = 64;
frame.payloadLength = 5n;
frame.maskingKey = undefined;
client.sendFrame(frame).sendRaw(frame.toBytes()).terminate();
const state: 0 | 1 | 2 | 3 = client.readyState;
console.log(state === WebSocketClient.OPEN, dissect("c2s", null, frame.toBytes()));

// @ts-expect-error there is no such event
client.on("mesage", () => {});
// @ts-expect-error nor such an option
new WebSocketClient("ws://example.com", { protocol: "chat" });
// @ts-expect-error nor such a form
frame.lengthForm = 8;
