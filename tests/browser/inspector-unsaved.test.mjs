// Live rows do not go without a question, and a link to one that is gone says so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

test("live rows do not go without a question, and a link to one that is gone says so", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  const questions = [];
  page.on("dialog", (dialog) => {
    questions.push(dialog.type());
    void dialog.accept();
  });
  await page.getByRole("button", { name: "Open a connection" }).click();
  await page.locator("#row-2").click();
  await page.waitForFunction(() => /row=3&at=\d+/u.test(location.hash));
  await page.reload();
  assert.deepEqual(questions, ["beforeunload"]);
  await page.locator(".toast").filter({ hasText: "Row 3 of this link is not here" }).waitFor();

  // What is saved need not be asked about. Behind the echo nothing more comes while nobody speaks.
  await page.getByRole("button", { name: "Open a connection" }).click();
  await page.locator("#row-3").click();
  const saved = page.waitForEvent("download");
  await page.locator("#save").click();
  await saved;
  await page.reload();
  await page.getByRole("button", { name: "Open a connection" }).waitFor();
  assert.equal(questions.length, 1);
});
