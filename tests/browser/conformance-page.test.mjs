// The conformance run of the inspector: our own server keeps every rule, and of the npm package `ws` it finds what is
// known of it, each with its frames in the list.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { start } from "../reference/server.mjs";
import { checkAxe, checkWidth, openPage, PHONE, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

/** What `ws` 8 gets wrong as it comes, and how strict it is elsewhere. */
const WS_FAILS = [
  "deflate-illegal-08",
  "deflate-second",
  "host-missing",
  "host-two",
  "http-1.0",
  "length-16-short",
  "length-64-short",
  "length-64-tiny",
];
const WS_NON_STRICT = [
  "origin-foreign",
  "protocol-unknown",
  "utf8-fast",
  "utf8-fast-payload",
  "version-12",
  "version-99",
  "version-abc",
];

const rows = (page) => page.getByRole("grid", { name: "Captured frames" }).getByRole("row");
const cases = (page, state) => page.locator(`[data-case]${state ? `[data-state="${state}"]` : ""}`);
const ids = async (page, state) =>
  (await cases(page, state).evaluateAll((all) => all.map((one) => one.dataset.case))).toSorted();
const summary = (page) => page.getByRole("tabpanel", { name: "Conformance" }).getByRole("status");

/** An echo server on `ws`. */
async function echoServer(t, options = {}) {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: true,
    maxPayload: 8 << 20,
    ...options,
  });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}/`;
}

async function openTool(t, flags = [], options = {}) {
  const { url } = await startServer(t, flags);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`, options);
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  await page.keyboard.press("Control+K");
  await page
    .getByRole("textbox", { name: /command/i })
    .or(page.locator("#palette-input"))
    .first()
    .fill("conformance");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Run all" }).waitFor();
  return page;
}

const choose = (page, server) =>
  page.getByRole("tabpanel", { name: "Conformance" }).getByLabel("Server", { exact: true }).selectOption(server);

async function runAll(page) {
  await page.getByRole("button", { name: "Run all" }).click();
  await finished(page);
}

/** It was asked of all that were to be asked. */
const finished = (page) =>
  page.locator(".conformance-summary").filter({ hasText: "compress" }).waitFor({ timeout: 90_000 });

test("our own server passes each case, as an echo server and as one that is none", TIMEOUT, async (t) => {
  const page = await openTool(t);
  await runAll(page);
  const count = await cases(page).count();
  assert.ok(count > 150, `${count} cases`);
  assert.deepEqual([await ids(page, "fail"), await ids(page, "non-strict"), await ids(page, "skipped")], [[], [], []]);
  assert.equal(await cases(page, "pass").count(), count);

  await page.getByRole("tabpanel", { name: "Conformance" }).getByLabel("Path").fill("/chat");
  await runAll(page);
  assert.deepEqual(await ids(page, "fail"), []);
  assert.match(await summary(page).textContent(), /does not send messages back/);
});

test("of the npm package ws it finds what is known, with the frames of each case", TIMEOUT, async (t) => {
  const url = await echoServer(t);
  const page = await openTool(t, ["--tunnel-to", `npm=${url}`]);
  await choose(page, "npm");
  await runAll(page);
  assert.deepEqual(await ids(page, "fail"), WS_FAILS);
  assert.deepEqual(await ids(page, "non-strict"), WS_NON_STRICT);

  // From a verdict to the frames it is about, and to nothing else.
  await page.getByRole("button", { name: "Frames of: A length of 5 in 16 bits" }).click();
  await rows(page).filter({ hasText: "length-not-minimal" }).waitFor();
  const names = await rows(page)
    .filter({ hasText: /C → S|S → C/ })
    .allInnerTexts();
  assert.ok(names.length >= 6 && names.length <= 12, names.join("\n"));
  await page.locator('[role=row][aria-selected="true"]').filter({ hasText: "request" }).waitFor();

  // Those that failed again, and one by itself.
  await page.getByRole("button", { name: "Run failed again" }).click();
  await finished(page);
  await page.getByRole("button", { name: "Stop" }).and(page.locator(":disabled")).waitFor();
  assert.deepEqual(await ids(page, "fail"), WS_FAILS);
  await page.getByRole("button", { name: "Run: Two Hosts" }).click();
  await page.locator('[data-case="host-two"][data-state="fail"]').waitFor();

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export JSON" }).click(),
  ]);
  const report = JSON.parse(await readFile(await download.path(), "utf8"));
  assert.equal(report.server, url);
  assert.equal(report.counts.fail, WS_FAILS.length);
  assert.equal(report.results.length, await cases(page).count());
  const two = report.results.find(({ id }) => id === "host-two");
  assert.deepEqual([two.verdict, two.section], ["fail", "RFC 9112, 3.2"]);
  assert.match(two.reason, /101/);
});

test("the reference server, which speaks JSON and echoes nothing", TIMEOUT, async (t) => {
  const reference = await start({ port: 0 });
  t.after(() => reference.close());
  const page = await openTool(t, ["--tunnel-to", `reference=${reference.url}`]);
  await choose(page, "reference");
  await runAll(page);
  // It does not compress, and looks at targets by itself, which is one more that it gets wrong.
  const expected = [...WS_FAILS.filter((id) => !id.startsWith("deflate")), "open-absolute"].toSorted();
  assert.deepEqual(await ids(page, "fail"), expected);
  for (const id of await ids(page, "skipped")) assert.match(id, /^deflate-/);
  assert.match(await summary(page).textContent(), /does not send messages back, and does not compress/);
});

test("no WebSocket there, a path that is none, and a run that is stopped", TIMEOUT, async (t) => {
  const http = createServer((_, response) => response.end("hello"));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  const silent = await echoServer(t);
  const plain = `ws://127.0.0.1:${http.address().port}/`;
  const page = await openTool(t, [
    "--tunnel-to",
    `plain=${plain}`,
    "--tunnel-to",
    `npm=${silent}`,
    "--tunnel-to",
    "gone=ws://127.0.0.1:1/",
  ]);
  const panel = page.getByRole("tabpanel", { name: "Conformance" });

  await choose(page, "plain");
  await page.getByRole("button", { name: "Run all" }).click();
  await summary(page).filter({ hasText: "No WebSocket there: HTTP/1.1 200 OK" }).waitFor();
  await choose(page, "gone");
  await page.getByRole("button", { name: "Run all" }).click();
  await summary(page)
    .filter({ hasText: /Cannot be reached/ })
    .waitFor();

  await panel.getByLabel("Path").fill("no path");
  await panel.getByText("A path has no white space").waitFor();
  await page.getByRole("button", { name: "Run all" }).click();
  assert.equal(await cases(page, "running").count(), 0);

  // What was typed stays for the next server, as wrong as it is.
  await choose(page, "npm");
  await panel.getByText("A path has no white space").waitFor();
  await panel.getByLabel("Path").fill("/");
  await page.getByRole("button", { name: "Run all" }).click();
  await cases(page, "pass").first().waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await summary(page).filter({ hasText: "Stopped." }).waitFor();
  assert.ok((await cases(page, "pass").count()) < (await cases(page).count()));
  assert.equal(await cases(page, "running").count(), 0);
});

test("at phone width, in light and dark", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`, PHONE);
  await page.getByRole("tab", { name: "Tools" }).click();
  await page.getByRole("tab", { name: "Conformance" }).click();
  await page.getByRole("button", { name: "Run: A sound request", exact: true }).click();
  await page.locator('[data-case="open"][data-state="pass"]').waitFor();
  await checkWidth(page);
  await checkAxe(page);
});
