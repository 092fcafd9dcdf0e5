// The inspector's page as a whole: sources, files, filter, search, colours, layers, keys, links, and what it remembers.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPage,
  openPageIn,
  PHONE,
  root,
  startBrowser,
  startServer,
} from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

/** One server and one browser for all: each test is a person of their own. */
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
const open = (t, { hash = "", ...options } = {}) =>
  openPage(t, shared.browser, `${shared.server.url}/inspector${hash}`, options);

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const rows = (page) => grid(page).getByRole("row");
const chosen = (page) => rows(page).and(page.locator('[aria-selected="true"]'));
/** The row with this number, as people count. */
const numbered = (page, number) => page.locator(`#row-${number - 1}`);
const filter = (page) => page.getByRole("combobox", { name: "Filter" });
const sources = (page) => page.getByRole("region", { name: "Sources" });
const connection = (page, name) => sources(page).getByRole("button", { name });
/** Waits until so many rows are listed. */
const listed = (page, count) => page.locator(`#frames[aria-rowcount="${count + 1}"]`).waitFor();
const listedCount = async (page) => Number(await grid(page).getAttribute("aria-rowcount")) - 1;

async function apply(page, text) {
  await filter(page).fill(text);
  await page.keyboard.press("Enter");
}

/** Waits until this is said; gives the number of rows in it. */
async function toast(page, pattern) {
  const said = page.locator(".toast").filter({ hasText: pattern }).first();
  await said.waitFor();
  return Number(/: (\d+) rows?/.exec(await said.textContent())?.[1]);
}

/** Waits until a sample, all there is, is read and listed; gives the number of its rows. */
async function sampled(page, name) {
  const count = await toast(page, new RegExp(`${name}: \\d+ rows`));
  await listed(page, count);
  return count;
}

test("files are picked, dropped, pasted and refused, each a source with its connections", TIMEOUT, async (t) => {
  const page = await open(t);
  await page.getByRole("heading", { name: "Every frame, bit by bit" }).waitFor();
  const picked = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await picked).setFiles([sample("chat"), sample("socket.io")]);
  const chat = await toast(page, /chat\.pcapng: \d+ rows/);
  const all = chat + (await toast(page, /socket\.io\.pcapng: \d+ rows/));
  await listed(page, all);
  for (const name of ["chat.pcapng", "socket.io.pcapng"]) await sources(page).getByRole("heading", { name }).waitFor();
  await connection(page, /rooms\/garden\?name=ada/).waitFor();
  // The first frame of it is there to be read, and the list stands at its beginning.
  await chosen(page).getByRole("gridcell", { name: "text", exact: true }).waitFor();
  await numbered(page, 1).waitFor();

  // One connection alone, and all again.
  await connection(page, /rooms\/garden\?name=ada/).click();
  await page.getByText(/^connection \d+, \d+ of \d+/).waitFor();
  const ada = await listedCount(page);
  assert.ok(ada > 5 && ada < all, `${ada} of ${all}`);
  await connection(page, "All connections").click();
  await listed(page, all);

  // A source goes with its rows.
  await sources(page).getByRole("button", { name: "Remove socket.io.pcapng and its rows" }).click();
  await sources(page).getByRole("heading", { name: "socket.io.pcapng" }).waitFor({ state: "detached" });
  await listed(page, chat);

  // Dropped.
  const bytes = [...(await readFile(sample("broken-client")))];
  const data = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(content)], "dropped.pcapng"));
    return transfer;
  }, bytes);
  await grid(page).dispatchEvent("drop", { dataTransfer: data });
  const before = chat + (await toast(page, /dropped\.pcapng: \d+ rows/));
  await listed(page, before);
  await connection(page, /sensors/)
    .first()
    .waitFor();

  // Pasted: a text frame, masked, in hex.
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.setData("text/plain", "81 85 37fa213d 7f9f4d5158");
    document.body.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }),
    );
  });
  const pasted = await toast(page, /pasted: \d+ rows?/);
  assert.ok(pasted > 0);
  await listed(page, before + pasted);

  // What is no capture is said to be none.
  const third = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Open files" }).click();
  await (await third).setFiles({
    name: "noise.bin",
    mimeType: "",
    buffer: Buffer.from([1, 2, 3, 250, 251, 252, 0, 7]),
  });
  await toast(page, /noise\.bin: .*[a-z]/);
  await sources(page).getByRole("region", { name: "noise.bin" }).waitFor();
  await checkAxe(page);
});

test("a filter is completed, marked where it is wrong, remembered and saved", TIMEOUT, async (t) => {
  const page = await open(t, { hash: "#sample=chat" });
  const all = await sampled(page, "A chat");

  await page.keyboard.press("/");
  await page.keyboard.type("opc");
  const completions = page.getByRole("listbox", { name: "Completions" });
  // What is offered for the letters before is there until it is known what fits all of them.
  const first = completions.getByRole("option").first();
  await first.filter({ hasText: /^opcode/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.match(await filter(page).inputValue(), /^opcode ?$/);
  await page.keyboard.type("== pi");
  await first.filter({ hasText: /^ping/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  assert.match(await filter(page).inputValue(), /^opcode == ping/);
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    (most) => Number(document.getElementById("frames").getAttribute("aria-rowcount")) - 1 < most,
    all,
  );
  // The rows of before stand there until those are drawn that are listed now.
  await page.waitForFunction(() => {
    const names = [...document.querySelectorAll("#frames [data-index]:not([hidden]) .cell-name")];
    return names.length > 0 && names.every(({ textContent }) => textContent === "ping");
  });

  // Wrong: said, and shown where; what is listed stays.
  const pings = await listedCount(page);
  await apply(page, "opcode == pingg");
  await page.locator(".filter-problem").filter({ hasText: "ping" }).waitFor();
  assert.equal(await filter(page).getAttribute("aria-invalid"), "true");
  assert.equal(await page.locator(".filter-error").textContent(), "pingg");
  assert.equal(await listedCount(page), pings);

  // What was used before comes back with the arrow; Escape goes back to what holds.
  await page.keyboard.press("Escape");
  assert.equal(await filter(page).inputValue(), "opcode == ping");
  await apply(page, "dir == s2c");
  await apply(page, "");
  await listed(page, all);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await filter(page).inputValue(), "opcode == ping");

  // Kept under a name, and there again after a reload.
  await page.getByRole("button", { name: "Saved" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("heartbeat");
  await page.keyboard.press("Enter");
  await page.reload();
  await toast(page, /A chat: \d+ rows/);
  await page.getByRole("button", { name: "Saved" }).click();
  await page
    .getByRole("button", { name: /heartbeat/ })
    .first()
    .click();
  await listed(page, pings);

  // From a cell, and from a field.
  await page.keyboard.press("Escape");
  await grid(page).focus();
  await page.keyboard.press("Shift+A");
  await listed(page, all);
  await rows(page).locator('.cell-name[data-name="text"]').first().click({ button: "right" });
  await page.getByRole("menuitem", { name: /^Show only these/ }).click();
  await page.waitForFunction(() => document.getElementById("filter-input").value === "opcode == text");
  await page.getByRole("tree", { name: "Fields" }).locator('[data-field="mask"]').click();
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menuitem", { name: /^Of those shown, only these/ }).click();
  await page.waitForFunction(() => document.getElementById("filter-input").value.startsWith("opcode == text and "));
});

test("search finds what was meant, inflated and unmasked, and hides nothing", TIMEOUT, async (t) => {
  const page = await open(t, { hash: "#sample=chat" });
  const all = await sampled(page, "A chat");
  await page.keyboard.press("f");
  await page.keyboard.type("LEEKS");
  const status = page.getByRole("search").getByRole("status");
  await status.filter({ hasText: /^[1-9]\d* found$/ }).waitFor();
  assert.equal(await listedCount(page), all);
  await page.keyboard.press("Enter");
  await chosen(page).and(page.locator("[data-found]")).waitFor();
  const first = await chosen(page).getAttribute("data-index");
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    (before) => (document.querySelector("#frames [aria-selected=true]")?.dataset.index ?? before) !== before,
    first,
  );
  await page.keyboard.press("Shift+Enter");
  await page.locator(`#row-${first}[aria-selected="true"]`).waitFor();
  await grid(page).focus();
  await page.keyboard.press("v");
  await page.locator("#message mark").filter({ hasText: "leeks" }).first().waitFor();

  await page.getByRole("button", { name: "Match case" }).click();
  await status.filter({ hasText: /^0 found$/ }).waitFor();
  await page.getByLabel("What to look for").selectOption("regex");
  await page.getByRole("searchbox").fill("le+ks");
  await status.filter({ hasText: /^[1-9]\d* found$/ }).waitFor();
  await page.getByRole("searchbox").fill("le(");
  await page.locator('#find-input[aria-invalid="true"]').waitFor();
  await page.getByLabel("What to look for").selectOption("hex");
  await page.getByRole("searchbox").fill("89 50 4e 47");
  await status.filter({ hasText: /^[1-9]\d* found$/ }).waitFor();
  await page.getByLabel("What to look for").selectOption("filter");
  await page.getByRole("searchbox").fill("opcode == close");
  await status.filter({ hasText: /^2 found$/ }).waitFor();
});

test("frames and messages are two views of one list, rows are marked and coloured", TIMEOUT, async (t) => {
  const page = await open(t, { hash: "#sample=chat" });
  const all = await sampled(page, "A chat");
  // From a fragment to its message in the other layer, and back.
  await rows(page).locator("[data-message]").first().waitFor();
  await page.getByLabel("Layer").selectOption("messages");
  await page.waitForFunction(
    (most) => Number(document.getElementById("frames").getAttribute("aria-rowcount")) - 1 < most,
    all,
  );
  await page.getByRole("columnheader", { name: "Frames" }).waitFor();
  await apply(page, "fragments == 6");
  // The only one that is listed then.
  await page.locator('#frames [aria-rowindex="2"] .cell-fragment').filter({ hasText: "6 frames" }).click();
  await page.getByText(/Message \d+: text, \d+ bytes, 6 frames/).waitFor();
  await page.getByRole("button", { name: /^First fragment/ }).click();
  await grid(page).focus();
  await page.keyboard.press("l");
  await page.keyboard.press("Shift+A");
  await listed(page, all);
  await page.keyboard.press("m");
  await chosen(page).locator(".cell-fragment").filter({ hasText: "6 of 6" }).waitFor();
  await chosen(page).click({ button: "right" });
  await page.getByRole("menuitem", { name: /^Follow message/ }).click();
  await listed(page, 6);
  await grid(page).focus();
  await page.keyboard.press("Shift+A");
  await listed(page, all);

  // A mark, by its key; a colour, with its sign, kept over a reload.
  await page.keyboard.press("Home");
  await numbered(page, 1).and(chosen(page)).waitFor();
  await page.keyboard.press("x");
  await numbered(page, 1).getByRole("gridcell", { name: "marked" }).waitFor();
  await page.keyboard.press("k");
  const dialog = page.getByRole("dialog", { name: "Colour rules" });
  await dialog.getByRole("button", { name: "Add a rule" }).click();
  await dialog.getByRole("textbox", { name: "Filter of rule 1" }).fill("opcode == ");
  await page.locator('.rule-filter[aria-invalid="true"]').waitFor();
  await dialog.getByRole("textbox", { name: "Filter of rule 1" }).fill("opcode == ping");
  await dialog.getByLabel("Colour of rule 1").selectOption({ label: "⑥ green" });
  await checkAxe(page);
  await dialog.getByRole("button", { name: "Close" }).click();
  await rows(page).getByRole("gridcell", { name: "colour rule 6" }).first().waitFor();
  await page.reload();
  await rows(page).getByRole("gridcell", { name: "colour rule 6" }).first().waitFor();
  await checkAxe(page);
});

test("a link leads to the same row, and each command has a key or a place in the palette", TIMEOUT, async (t) => {
  const page = await open(t, { hash: "#sample=violations" });
  await sampled(page, "Every violation");
  await grid(page).focus();
  await page.keyboard.press("Home");
  await numbered(page, 1).and(chosen(page)).waitFor();
  let row = "0";
  for (let count = 0; count < 4; count += 1) {
    await page.keyboard.press("n");
    await page.waitForFunction(
      (before) => Number(document.querySelector("#frames [aria-selected=true]")?.dataset.index) > Number(before),
      row,
    );
    row = await chosen(page).getAttribute("data-index");
  }
  await page.waitForFunction((index) => location.hash.endsWith(`row=${Number(index) + 1}`), row);
  await page.getByText(`No. ${Number(row) + 1} · `).waitFor();
  const rule = await page
    .getByRole("group", { name: /^(?:Violation|Finding): / })
    .first()
    .getAttribute("aria-label");
  const address = page.url();
  const other = await openPage(t, shared.browser, address);
  await other.locator(`#row-${row}[aria-selected="true"]`).waitFor();
  await other.getByRole("group", { name: rule }).waitFor();

  // A view in the address.
  await page.goto(`${shared.server.url}/inspector#sample=chat&filter=opcode+%3D%3D+close&layer=frames`);
  await page.reload();
  await listed(page, 2);
  assert.equal(await filter(page).inputValue(), "opcode == close");

  // The link that skips to the rows leaves them as they are.
  await page.getByRole("link", { name: "Skip to the frames" }).press("Enter");
  await grid(page).and(page.locator(":focus")).waitFor();
  await page.waitForFunction(() => location.hash.includes("filter=opcode"));
  assert.equal(await filter(page).inputValue(), "opcode == close");
  await listed(page, 2);

  // The palette.
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("time another");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByLabel("Time", { exact: true }).inputValue(), "previous");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("no such thing");
  await page.getByText("No command has these words.").waitFor();
  await checkAxe(page);
  await page.keyboard.press("Escape");

  // No key does two things, and the sheet has them all.
  await grid(page).focus();
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keys" });
  const keys = await sheet.locator(".keys-group:not(:first-child) dt").allInnerTexts();
  assert.ok(keys.length > 20);
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
  );
  await checkAxe(page);
  await page.keyboard.press("Escape");

  // Explained, and remembered.
  await page.keyboard.press("e");
  await page.keyboard.press("Home");
  await page.locator(".field-explain").first().waitFor();
});

test("the panes are resized by pointer and keys, and remember it", TIMEOUT, async (t) => {
  const person = await newPerson(shared.browser);
  const page = await openPageIn(t, person, `${shared.server.url}/inspector#sample=chat`);
  await sampled(page, "A chat");
  const height = () => page.locator("#dock").evaluate((dock) => dock.offsetHeight);
  const bar = page.getByRole("separator", { name: "Height of the frame and the tools" });
  const before = await height();
  await bar.focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.ok((await height()) > before + 10);
  const box = await bar.boundingBox();
  await page.mouse.move(box.x + 300, box.y);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 150, { steps: 4 });
  await page.mouse.up();
  const dragged = await height();
  assert.ok(dragged < before - 50, `${dragged} from ${before}`);
  await page.getByRole("button", { name: "Sources" }).click();
  await sources(page).waitFor({ state: "hidden" });
  await page.reload();
  await sampled(page, "A chat");
  assert.ok(Math.abs((await height()) - dragged) < 4);
  assert.equal(await page.getByRole("button", { name: "Sources" }).getAttribute("aria-expanded"), "false");
});

test("all of it works at the width of a phone", TIMEOUT, async (t) => {
  const page = await open(t, PHONE);
  await page.getByRole("button", { name: "A chat" }).click();
  await sampled(page, "A chat");
  await checkWidth(page);
  await page.getByRole("button", { name: "Sources" }).click();
  await connection(page, /name=grace/).click();
  await sources(page).waitFor({ state: "hidden" });
  await apply(page, "opcode == text");
  await page.getByRole("button", { name: "Search" }).click();
  await page.keyboard.type("seeds");
  await page
    .getByRole("search")
    .getByRole("status")
    .filter({ hasText: /found$/ })
    .waitFor();
  await rows(page).filter({ hasText: "grace" }).first().click();
  await page.getByRole("tree", { name: "Fields" }).waitFor();
  await checkWidth(page);
  await page.getByRole("tab", { name: "Bytes" }).first().click();
  await page.getByRole("tab", { name: "Message" }).click();
  await page.getByLabel("Message as text").or(page.getByLabel("Message as JSON")).waitFor();
  await page.getByRole("tab", { name: "Tools" }).click();
  await page.getByRole("tab", { name: "Conversation" }).click();
  await checkWidth(page);
  await page.getByRole("tab", { name: "Frames" }).click();
  await checkWidth(page);
  await checkAxe(page);
});
