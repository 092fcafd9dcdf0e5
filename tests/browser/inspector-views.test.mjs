// The inspector's tools that show more than one frame: timeline, conversation, compare, export; and subprotocols.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkAxe, checkWidth, openPage, PHONE, root, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

const shared = {};
const endings = [];
before(async () => {
  const t = { after: (end) => endings.unshift(end) };
  shared.server = await startServer(t);
  shared.browser = await startBrowser(t);
});
after(async () => {
  for (const end of endings) await end();
});

const sample = (name) => join(root, "www/inspector/samples", `${name}.pcapng`);
const rows = (page) => page.getByRole("grid", { name: "Captured frames" }).getByRole("row");
const listedCount = async (page) => Number(await page.locator("#frames").getAttribute("aria-rowcount")) - 1;
const listed = (page, count) => page.locator(`#frames[aria-rowcount="${count + 1}"]`).waitFor();
const tab = (page, name) => page.getByRole("tab", { name, exact: true }).click();

/** The page with a sample read into it. */
async function withSample(t, name, options = {}) {
  const page = await openPage(t, shared.browser, `${shared.server.url}/inspector`, options);
  await page.locator("#files-input").setInputFiles(sample(name));
  const said = page
    .locator(".toast")
    .filter({ hasText: `${name}.pcapng: ` })
    .first();
  await said.waitFor();
  await listed(page, Number(/: (\d+) rows/.exec(await said.textContent())?.[1]));
  await rows(page).nth(1).waitFor();
  return page;
}

test("the timeline is brushed to filter, by pointer and by keys, and says what it shows", TIMEOUT, async (t) => {
  const page = await withSample(t, "chat");
  const all = await listedCount(page);
  await page.locator("#frames").focus();
  await page.keyboard.press("g");
  const strip = page.getByRole("region", { name: "Timeline" });
  await strip.getByText(/at most \d+\sframes?\sin/).waitFor();
  const picture = await strip.locator("canvas").boundingBox();
  const middle = picture.y + picture.height / 2;
  await page.mouse.move(picture.x + picture.width * 0.1, middle);
  await page.mouse.down();
  await page.mouse.move(picture.x + picture.width * 0.5, middle, { steps: 5 });
  await page.mouse.up();
  const whole = strip.getByRole("button", { name: "Whole time" });
  await whole.waitFor();
  await page.waitForFunction((count) => Number(document.querySelector("#frames").ariaRowCount) - 1 < count, all);
  const brushed = await listedCount(page);
  assert.ok(brushed < all, `${brushed} of ${all}`);
  await whole.click();
  await listed(page, all);
  // The edges are sliders.
  await strip.getByRole("slider", { name: "To, on the timeline" }).focus();
  for (let step = 0; step < 30; step += 1) await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((count) => Number(document.querySelector("#frames").ariaRowCount) - 1 < count, all);
  await page.keyboard.press("Escape");
  await listed(page, all);
  // Round trips of pings, and the longest silences, each a way to its frame.
  await strip.getByRole("combobox").selectOption("Round trips");
  await strip.getByText(/round\strips?: least|No ping was seen/).waitFor();
  await strip.getByText("Silences:").waitFor();
  await strip.getByRole("button", { name: /s$/ }).first().click();
  await rows(page).and(page.locator('[aria-selected="true"]')).waitFor();
  await checkAxe(page);
});

test("a conversation is judged header by header, and read message by message", TIMEOUT, async (t) => {
  const page = await withSample(t, "socket.io");
  await tab(page, "Conversation");
  const panel = page.getByRole("tabpanel", { name: "Conversation" });
  const accept = panel
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: /^sec-websocket-accept$/i }) });
  await accept.getByText("as it should be").waitFor();
  await panel
    .getByText(/random|keys/i)
    .first()
    .waitFor();
  await panel.getByRole("heading", { name: /All that was said/ }).waitFor();
  const said = panel.locator(".transcript-entry");
  await said.nth(5).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    panel.getByRole("button", { name: "Save as text" }).click(),
  ]);
  assert.match(await readFile(await download.path(), "utf8"), /> text\n42\["hello"/);
  // Its messages are known for what they are, in the list too.
  await page
    .getByRole("gridcell", { name: /^socket\.io event/ })
    .first()
    .waitFor();
  await checkAxe(page);
});

test("a broken client is found out", TIMEOUT, async (t) => {
  const page = await withSample(t, "broken-client");
  await tab(page, "Conversation");
  const panel = page.getByRole("tabpanel", { name: "Conversation" });
  // One says the same key with each frame, and answers no ping; the other breaks a rule outright.
  await panel.getByText("One key for all 5 frames").waitFor();
  await panel.getByText(/2\spings without an answer/).waitFor();
  await panel.getByRole("combobox", { name: "Connection" }).selectOption({ index: 1 });
  const rule = panel
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: /^⚠ / }) })
    .first();
  await rule.getByRole("button", { name: /^no\. / }).click();
  await rows(page).and(page.locator('[aria-selected="true"][data-bad]')).waitFor();
});

test("two marked frames are compared, and two connections", TIMEOUT, async (t) => {
  const page = await withSample(t, "chat");
  await tab(page, "Compare");
  const panel = page.getByRole("tabpanel", { name: "Compare" });
  await panel.getByText("Mark two frames").waitFor();
  const texts = rows(page).filter({ has: page.getByRole("gridcell", { name: "text", exact: true }) });
  for (const place of [0, 1]) {
    await texts.nth(place).click();
    await rows(page).and(page.locator('[aria-selected="true"]')).waitFor();
    await page.keyboard.press("x");
  }
  await tab(page, "Compare");
  await panel.getByRole("row").filter({ hasText: "≠" }).first().waitFor();
  await panel.getByRole("heading", { name: "Bytes on the wire" }).waitFor();
  await panel.getByRole("combobox", { name: "What to compare" }).selectOption("Two connections");
  await panel
    .getByText(/messages? (the same|different)|only (left|right)/)
    .first()
    .waitFor();
  await checkAxe(page);
});

test("what is exported is what was captured, in each form", TIMEOUT, async (t) => {
  const page = await withSample(t, "chat");
  const all = await listedCount(page);
  await page.locator("#frames").focus();
  await page.keyboard.press("Shift+E");
  const dialog = page.getByRole("dialog", { name: "Export" });
  const saved = async (format) => {
    await dialog.getByRole("radio", { name: new RegExp(`^${format}`) }).check();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Export", exact: true }).click(),
    ]);
    await dialog.getByText(/^Done: /).waitFor();
    return download.path();
  };
  await checkAxe(page);
  const lines = (await readFile(await saved("JSON lines"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, all);
  const har = JSON.parse(await readFile(await saved("HAR"), "utf8"));
  const messages = har.log.entries.flatMap((entry) => entry._webSocketMessages);
  assert.equal(messages.length, lines.filter(({ message }) => message).length);
  const texts = lines.filter(({ message }) => message?.kind === "text");
  const said = messages.filter(({ opcode }) => opcode === 1).map(({ data }) => Buffer.from(data).toString("hex"));
  assert.deepEqual(said.toSorted(), texts.map(({ message }) => message.hex).toSorted());
  const pcapng = await saved("pcapng");
  const fields = ["-T", "fields", "-e", "websocket.opcode", "-Y", "websocket"];
  const seen = execFileSync("tshark", ["-r", pcapng, ...fields], { stdio: ["ignore", "pipe", "ignore"] }).toString();
  const frames = lines.filter(({ event }) => event === undefined).length;
  assert.equal(seen.split(/[\s,]+/).filter((opcode) => opcode !== "").length, frames);
  await page.keyboard.press("Escape");

  // Opened again in another page, it is the same.
  const again = await openPage(t, shared.browser, `${shared.server.url}/inspector`);
  await again.locator("#files-input").setInputFiles(pcapng);
  await listed(again, all);
});

test("the tools fit on a phone", TIMEOUT, async (t) => {
  const page = await withSample(t, "chat", PHONE);
  await page.getByRole("tab", { name: "Tools" }).click();
  for (const name of ["Conversation", "Compare"]) {
    await tab(page, name);
    await page.getByRole("tabpanel", { name }).waitFor();
    await checkWidth(page);
  }
});
