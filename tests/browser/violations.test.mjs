// What no browser can send: frames made by hand, sent by the page's own client through the tunnel. The server answers
// each with the right Close, and the inspector, in another tab, names the same rule.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, openPageIn, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;

/** A frame as the page's `WebSocketFrame` builds it: masked, and then with these fields set otherwise. */
const frame = (opcode, payload, set = {}) => ({ opcode, payload, set: { masked: true, ...set } });
/** Bytes as they are, for what is no frame that could be built. */
const raw = (bytes) => ({ bytes });

const BASE = (section) => `RFC 6455, ${section}`;
const DEFLATE = (section) => `RFC 7692, ${section}`;
/** Each with its section; all others with theirs stand in the table. */
const AFTER_CLOSE = "frame-after-close";

/** What is sent, the code of the Close that comes back, and each rule that it breaks with the section it is in. */
const CASES = [
  ["RSV1", [frame(TEXT, "hi", { rsv1: true })], 1002, { "rsv1-without-extension": BASE("5.2") }],
  ["RSV2", [frame(TEXT, "hi", { rsv2: true })], 1002, { "rsv2-without-extension": BASE("5.2") }],
  ["RSV3", [frame(TEXT, "hi", { rsv3: true })], 1002, { "rsv3-without-extension": BASE("5.2") }],
  [
    "all three, and compression agreed on",
    [frame(PING, "hi", { rsv1: true, rsv2: true, rsv3: true })],
    1002,
    {
      "rsv1-on-control": DEFLATE("6.1"),
      "rsv2-without-extension": BASE("5.2"),
      "rsv3-without-extension": BASE("5.2"),
    },
    { compression: true },
  ],
  [
    "RSV1 on a later fragment",
    [frame(TEXT, "h", { fin: false }), frame(0, "i", { rsv1: true })],
    1002,
    { "rsv1-on-continuation": DEFLATE("6.1") },
    { compression: true },
  ],
  ["a reserved data opcode", [frame(0x3, "")], 1002, { "reserved-data-opcode": BASE("5.2") }],
  ["a reserved control opcode", [frame(0xb, "")], 1002, { "reserved-control-opcode": BASE("5.2") }],
  ["no mask", [frame(TEXT, "hi", { masked: false })], 1002, { "unmasked-from-client": BASE("5.1") }],
  ["a mask that is not the one in the frame", [raw("81 82 ffffffff 6869")], 1007, { "invalid-utf8": BASE("8.1") }],
  ["a ping without FIN", [frame(PING, "hi", { fin: false })], 1002, { "fragmented-control": BASE("5.5") }],
  ["a ping that is too long", [frame(PING, "x".repeat(126))], 1002, { "long-control": BASE("5.5") }],
  ["a short length in 16 bits", [frame(TEXT, "hi", { lengthForm: 16 })], 1002, { "length-not-minimal": BASE("5.2") }],
  ["a short length in 64 bits", [frame(TEXT, "hi", { lengthForm: 64 })], 1002, { "length-not-minimal": BASE("5.2") }],
  ["a length with its top bit", [raw("82 ff 8000000000000001 00000000")], 1002, { "length-top-bit": BASE("5.2") }],
  ["a length beyond all bounds", [frame(BINARY, "", { payloadLength: 2n ** 63n - 1n })], 1009, {}],
  ["a continuation of nothing", [frame(0, "hi")], 1002, { "continuation-without-message": BASE("5.4") }],
  [
    "a message inside another",
    [frame(TEXT, "h", { fin: false }), frame(TEXT, "i")],
    1002,
    { "message-interrupted": BASE("5.4") },
  ],
  ["bad UTF-8", [raw("81 83 00000000 6869ff")], 1007, { "invalid-utf8": BASE("8.1") }],
  ["a surrogate in UTF-8", [raw("81 83 00000000 eda080")], 1007, { "invalid-utf8": BASE("8.1") }],
  ["bad UTF-8 in a message without an end", [raw("01 81 00000000 ff")], 1007, { "invalid-utf8": BASE("8.1") }],
  ["a message without an end, and a Close", [frame(TEXT, "hi", { fin: false }), frame(CLOSE, "\x03\xe8")], 1000, {}],
  [
    "what does not inflate",
    [raw("c1 81 00000000 ff")],
    1007,
    { "invalid-deflate": DEFLATE("7.2.2") },
    { compression: true },
  ],
  ["a Close of one byte", [frame(CLOSE, "\x03")], 1002, { "close-payload-of-one-byte": BASE("5.5.1") }],
  ["a Close that is no code", [frame(CLOSE, "\x03\xee")], 1002, { "invalid-close-code": BASE("7.4") }],
  ["a Close with a bad reason", [frame(CLOSE, "\x03\xe8\xff")], 1007, { "invalid-close-reason": BASE("5.5.1") }],
  ["a text behind a Close", [frame(CLOSE, "\x03\xe8"), frame(TEXT, "hi")], 1000, { [AFTER_CLOSE]: BASE("5.5.1") }],
];

/** In the page: sends this over a connection of its own, and resolves with how the server closed it. */
const send = ({ address, sent, compression }) =>
  import("/lib/wasm.js")
    .then(({ loadClient }) => loadClient())
    .then(
      ({ WebSocketClient, WebSocketFrame }) =>
        new Promise((resolve) => {
          const bytesOf = (latin1) => Uint8Array.from(latin1, (letter) => letter.charCodeAt(0));
          const client = new WebSocketClient(address, { compression });
          const errors = [];
          client.on("error", (error) => errors.push(error.message));
          client.on("close", (code, reason) => resolve({ code, reason, errors }));
          client.on("open", () => {
            for (const { bytes, opcode, payload, set } of sent) {
              if (bytes) {
                client.sendRaw(
                  Uint8Array.from(bytes.replaceAll(" ", "").match(/../g), (hex) => Number.parseInt(hex, 16)),
                );
                continue;
              }
              const made = Object.assign(new WebSocketFrame(opcode, bytesOf(payload)), set);
              client.sendFrame(made);
              made.free();
            }
          });
        }),
    );

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const rows = (page) => grid(page).getByRole("row");
const ofKind = (page, kind) => rows(page).filter({ has: page.getByRole("gridcell", { name: kind, exact: true }) });

test("each broken rule gets its Close from the server, and its name from the inspector", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  const inspector = await openPageIn(t, page.context(), `${url}/inspector`);
  await inspector
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  const address = `${url.replace("http:", "ws:")}/echo`;
  for (const [name, sent, code, rules, options] of CASES) {
    await t.test(name, async () => {
      const closed = await page.evaluate(send, { address, sent, compression: false, ...options });
      assert.equal(closed.code, code, JSON.stringify(closed));
      // Both ends: the last that there is of this connection.
      await ofKind(inspector, "end").nth(1).waitFor();
      await checkRules(inspector, sent, rules);
      await inspector.getByRole("button", { name: "Clear" }).click();
      await ofKind(inspector, "end").first().waitFor({ state: "detached" });
    });
  }
});

/** The inspector names exactly these rules, on frames of the client's, and says of each where it is written. */
async function checkRules(inspector, sent, rules) {
  const flawed = rows(inspector).filter({ has: inspector.locator(".flaw") });
  const named = new Map();
  for (const row of await flawed.all()) {
    assert.match(await row.textContent(), /C → S/);
    await row.click();
    const number = Number(await row.getAttribute("data-index")) + 1;
    // What it breaks comes a moment later; until then the row before is explained.
    await inspector
      .locator("#fields-note")
      .filter({ hasText: `No. ${number} ·` })
      .waitFor();
    const cards = inspector.getByRole("group", { name: /^Violation: / });
    await cards.first().waitFor();
    for (const card of await cards.all()) {
      named.set((await card.getAttribute("aria-label")).replace("Violation: ", ""), await card.textContent());
    }
  }
  // Our client answers the server's Close, whatever was sent by hand before.
  if (sent.some(({ opcode }) => opcode === CLOSE) && !(AFTER_CLOSE in rules)) named.delete(AFTER_CLOSE);
  assert.deepEqual([...named.keys()].sort(), Object.keys(rules).sort());
  for (const [rule, section] of Object.entries(rules)) assert.ok(named.get(rule).includes(section), named.get(rule));
}
