// The test page: each size comes back, on both endpoints.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, openWire, startBrowser, startServer, strokeOf } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

test("every size comes back as it was, from the app's echo and from the plain one", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/test-websocket`);
  const answers = page.getByRole("table", { name: "Answers" }).getByRole("row");
  let count = 1; // the head of the table
  for (const endpoint of ["/websocket", "/echo"]) {
    await page.getByLabel("Endpoint").selectOption(endpoint);
    await page.getByRole("button", { name: "Send", exact: true }).and(page.locator(":enabled")).waitFor();
    await page.getByLabel("Text", { exact: true }).fill('Hello, <b>you</b> & "you" 😀');
    await page.getByRole("button", { name: "Send", exact: true }).click();
    count += 1;
    await answers.nth(count - 1).waitFor();
    const sizes = page.getByRole("group", { name: "Or a text of" }).getByRole("button");
    const number = await sizes.count();
    assert.ok(number >= 6, `${number} sizes`);
    const names = await sizes.allInnerTexts();
    assert.ok(
      names.some((name) => /^(0|empty)/i.test(name)) && names.some((name) => /^1\sMiB$/.test(name)),
      names.join(),
    );
    for (let place = 0; place < number; place++) {
      await sizes.nth(place).click();
      count += 1;
      await answers.nth(count - 1).waitFor();
    }
  }
  const texts = await answers.allInnerTexts();
  for (const text of texts.slice(1)) {
    assert.doesNotMatch(text, /differ|wrong|error|lost|failed/i);
  }
  assert.match(texts.join("\n"), /\/websocket/);
  assert.match(texts.join("\n"), /\/echo/);
});

test("what others do meanwhile is not taken for the answer", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/test-websocket`);
  await page.getByRole("button", { name: "Send", exact: true }).and(page.locator(":enabled")).waitFor();
  const wire = await openWire(t, url);
  const answers = page.getByRole("table", { name: "Answers" }).getByRole("row");
  for (let turn = 0; turn < 20; turn++) {
    await Promise.all([
      wire.send(...Array.from({ length: 50 }, (_, place) => strokeOf(50 * turn + place))),
      page.getByRole("button", { name: "128 KiB" }).click(),
    ]);
  }
  await page.getByText("20 of 20 came back the same").waitFor();
  assert.equal(await answers.filter({ hasText: "the same text" }).count(), 20);
});
