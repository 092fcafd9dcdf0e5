// What no single frame shows is told where people look: sources, status bar, list, filter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAxe, checkWidth, openPage, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const chosen = (page) => grid(page).getByRole("row").and(page.locator('[aria-selected="true"]'));

test("what no frame shows alone is found in the list", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector#sample=broken-client`);
  // Some are known only when all of it was read.
  const read = page.locator(".toast").filter({ hasText: /A broken client: \d+ rows/u });
  await read.first().waitFor();
  const [, count] = /(\d+) findings?/u.exec(
    await page
      .locator("#statusbar")
      .getByText(/⚑ \d+ findings?/u)
      .textContent(),
  );
  await page
    .getByRole("region", { name: "Sources" })
    .getByRole("button", { name: /⚑ \d+ finding/u })
    .first()
    .waitFor();
  // The filter has them, with their names offered.
  const filter = page.getByRole("combobox", { name: "Filter" });
  await filter.fill("finding == rep");
  await page.getByRole("option", { name: /repeated-masking-key/u }).waitFor();
  await filter.fill("finding");
  await page.keyboard.press("Enter");
  await page.waitForFunction((most) => {
    const rows = Number(document.querySelector("#frames")?.getAttribute("aria-rowcount")) - 1;
    return rows > 0 && rows <= most;
  }, Number(count));
  await grid(page).focus();
  await page.keyboard.press("Home");
  const flaws = chosen(page).locator(".flaws").filter({ hasText: "⚑" });
  const name = (await flaws.textContent()).match(/⚑ ([a-z-]+)/u)[1];
  await page.getByRole("group", { name: `Finding: ${name}` }).waitFor();
  const row = await chosen(page).getAttribute("data-index");
  // Without the filter, n goes there as well.
  await filter.fill("");
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    (most) => Number(document.querySelector("#frames")?.getAttribute("aria-rowcount")) - 1 > most,
    Number(count),
  );
  await grid(page).focus();
  await page.keyboard.press("Home");
  await page.locator('#row-0[aria-selected="true"]').waitFor();
  const reached = page.locator(`#row-${row}[aria-selected="true"]`);
  for (let tries = 0; tries < 40 && (await reached.count()) === 0; tries += 1) {
    const before = await chosen(page).getAttribute("data-index");
    await page.keyboard.press("n");
    await page.waitForFunction(
      (index) =>
        (document.querySelector("#frames [aria-selected=true]")?.getAttribute("data-index") ?? index) !== index,
      before,
    );
  }
  assert.equal(await reached.count(), 1);
  await checkAxe(page, "a finding");
  await page.setViewportSize({ width: 360, height: 740 });
  await checkWidth(page, "a finding on a phone");
});
