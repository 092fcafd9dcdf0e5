// The inspector by keyboard alone: from an empty page to a frame's fields, and out again, without a pointer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 120_000 };
/** More stops than there are between any two places. */
const MOST_TABS = 60;

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const chosen = (page) => grid(page).locator('[aria-selected="true"]');
const filter = (page) => page.getByRole("combobox", { name: "Filter" });

/** Presses Tab until the keyboard is in there. */
async function tabTo(page, id) {
  for (let stops = 0; stops < MOST_TABS; stops += 1) {
    if (await page.evaluate((name) => document.getElementById(name).contains(document.activeElement), id)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to #${id}`);
}

test("a capture is opened, walked, filtered, read and left by keys alone", TIMEOUT, async (t) => {
  const server = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`);
  await page.getByRole("heading", { name: "Every frame, bit by bit" }).waitFor();

  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  await page.keyboard.type("open a sample a chat");
  await page.keyboard.press("Enter");
  await page
    .locator(".toast")
    .filter({ hasText: /A chat: \d+ rows/ })
    .first()
    .waitFor();
  await tabTo(page, "frames");
  await page.keyboard.press("Home");
  await page.locator('#row-0[aria-selected="true"]').waitFor();
  await page.keyboard.press("ArrowDown");
  await page.locator('#row-1[aria-selected="true"]').waitFor();

  // Its menu, and what stands there first.
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  const item = page.getByRole("menuitem", { name: /^Show only these/ });
  await item.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor({ state: "detached" });
  await page.waitForFunction(() => document.getElementById("filter-input").value !== "");

  // Another filter, typed over it, and a frame of those left.
  await page.keyboard.press("/");
  await filter(page).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("opcode == text");
  await page.keyboard.press("Enter");
  await grid(page).getByRole("gridcell", { name: "text", exact: true }).first().waitFor();
  await grid(page).getByRole("gridcell", { name: "request", exact: true }).first().waitFor({ state: "detached" });
  await tabTo(page, "frames");
  await page.keyboard.press("End");
  await chosen(page).getByRole("gridcell", { name: "text", exact: true }).waitFor();

  // On to its fields.
  await tabTo(page, "fields");
  await page.keyboard.press("ArrowDown");

  // Each sheet is left as it was entered, and the keyboard is back where it was.
  await tabTo(page, "frames");
  for (const [key, name] of [
    ["?", "Keys"],
    ["Shift+E", "Export"],
  ]) {
    await page.keyboard.press(key);
    await page.getByRole("dialog", { name }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name }).waitFor({ state: "hidden" });
    await grid(page).and(page.locator(":focus")).waitFor();
  }
});
