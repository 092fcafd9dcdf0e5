// Ping-pong: balls come back, one at a time, and over a connection that was lost as well.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

test("a ball comes back, and a rally goes on until it is stopped", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/ping-pong`);
  const cell = (place) => page.getByRole("table", { name: "Round trips" }).getByRole("cell").nth(place);
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await page.getByText(/^Pong, after \d/).waitFor();
  assert.equal(await cell(0).textContent(), "1");
  assert.match(await cell(2).textContent(), /^\d+\.\d+ ms$/);
  const rally = page.getByRole("button", { name: "Rally", pressed: false });
  await rally.click();
  await page.waitForFunction(() => Number(document.getElementById("balls")?.textContent) >= 5);
  await page.getByRole("button", { name: "Rally", pressed: true }).click();
  await page.getByText(/^Pong, after \d/).waitFor();
  const balls = Number(await cell(0).textContent());
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await page.waitForFunction((count) => document.getElementById("balls")?.textContent === count, String(balls + 1));
  assert.equal(await cell(1).textContent(), "0");
  await page.getByRole("button", { name: "Start over" }).click();
  assert.equal(await cell(0).textContent(), "0");
});
