// A million frames in the inspector: read while the page answers, listed to the last, filtered and looked through. How long the
// page was blocked meanwhile is told, not judged: that is the business of the machine as well.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bigCapture, NEEDLE } from "./big-capture.mjs";
import { openPage, startBrowser, startServer, temporaryFolder } from "./support.mjs";

const TIMEOUT = { timeout: 300_000 };
const FRAMES = 1_000_000;
const WAIT = { timeout: 60_000 };
/** Of what is told at the end. */
const WIDEST = 36;

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const row = (page, text) => grid(page).getByRole("row").filter({ hasText: text });
const grouped = (number) => number.toLocaleString("en").replaceAll(",", "[^0-9]?");

/** Waits until so many rows are listed; the head of the list is counted as one, too. */
function listed(page, count) {
  return page.waitForFunction(
    (rows) => document.getElementById("frames").getAttribute("aria-rowcount") === String(rows),
    count + 1,
    WAIT,
  );
}

/** The longest that the page's own thread was busy since this was asked for last, in milliseconds. */
function longestTask(page) {
  return page.evaluate(() => Math.round(Math.max(0, ...globalThis.longTasks.splice(0))));
}

/** What the module in the worker has taken of memory, in bytes. */
async function memoryOf(page) {
  const sizes = await Promise.all(
    page.workers().map((worker) =>
      worker.evaluate(async () => {
        // The worker's own module: what is loaded already is not loaded again.
        const module = await import("/pkg/framescope_wasm.js");
        return (await module.default()).memory.buffer.byteLength;
      }),
    ),
  );
  return Math.max(...sizes);
}

async function open(t) {
  const server = await startServer(t);
  const page = await openPage(t, await startBrowser(t), "about:blank");
  await page.addInitScript(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration));
    }).observe({ entryTypes: ["longtask"] });
  });
  await page.goto(`${server.url}/inspector`);
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  return page;
}

for (const kind of ["plain", "compressed"]) {
  test(`a million frames are listed, filtered and looked through: ${kind}`, TIMEOUT, async (t) => {
    const { bytes, counts } = bigCapture(FRAMES, kind === "compressed");
    const name = `${kind}.pcapng`;
    const file = join(temporaryFolder(t), name);
    writeFileSync(file, bytes);
    const page = await open(t);
    await longestTask(page);
    const picked = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Open files" }).click();
    const start = performance.now();
    await (await picked).setFiles(file);
    await row(page, "GET /feed/0").waitFor(WAIT);
    const first = performance.now() - start;
    // It answers while the rest is read.
    await row(page, "GET /feed/0").click();
    await page.locator('[data-field="start-line"]').first().waitFor(WAIT);
    await listed(page, counts.rows);
    const whole = performance.now() - start;
    const reading = await longestTask(page);
    const perFrame = ((await memoryOf(page)) - bytes.length) / FRAMES;

    await grid(page).focus();
    await page.keyboard.press("End");
    await page.locator(`[aria-rowindex="${counts.rows + 1}"]`).waitFor(WAIT);
    await page.keyboard.press("Home");
    await row(page, "GET /feed/0").waitFor(WAIT);
    for (let turn = 1; turn < 10; turn++) {
      await grid(page).evaluate((list, part) => list.scrollTo(0, list.scrollHeight * part), turn / 10);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    }
    const scrolling = await longestTask(page);

    const filter = page.getByRole("combobox", { name: "Filter" });
    const times = {};
    for (const [text, count] of [
      ["opcode == ping", counts.pings],
      ["violation", counts.broken],
      ["fragment", counts.fragments],
      [`text contains "${NEEDLE}"`, counts.needles],
    ]) {
      const before = performance.now();
      await filter.fill(text);
      await filter.press("Enter");
      await listed(page, count);
      await page.getByText(new RegExp(`^${grouped(count)} of ${grouped(counts.rows)}$`)).waitFor(WAIT);
      times[text] = Math.round(performance.now() - before);
    }
    await filter.fill("");
    await filter.press("Enter");
    await page.getByLabel("Layer").selectOption("messages");
    await listed(page, counts.rows - counts.fragments / 2);
    const filtering = await longestTask(page);

    // Some of it is the module itself and what lists take that were made here; windows, to inflate from, come on top.
    assert.ok(perFrame < (kind === "plain" ? 72 : 80), `${perFrame.toFixed(1)} bytes a frame beside the file`);
    const blocked = (milliseconds) => `${milliseconds} ms at a stretch`;
    const table = [
      ["first rows", `${Math.round(first)} ms`],
      ["all listed", `${Math.round(whole)} ms`],
      ["memory beside the file", `${perFrame.toFixed(1)} bytes a frame`],
      ...Object.entries(times).map(([filter, time]) => [`filter ${filter}`, `${time} ms`]),
      ["page blocked while reading", blocked(reading)],
      ["page blocked while scrolling", blocked(scrolling)],
      ["page blocked while filtering", blocked(filtering)],
    ];
    t.diagnostic(`${FRAMES.toLocaleString("en")} frames, ${kind}`);
    for (const [what, figure] of table) t.diagnostic(`  ${what.padEnd(WIDEST)}${figure.padStart(24)}`);
  });
}
