// The operator at the inspector: a link, and everybody's connections; and nobody else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAxe, checkWidth, newPerson, openPage, openPageIn, PHONE, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 120_000 };
const TOKEN = "correct-horse+battery/staple==";

const start = (t) => startServer(t, ["--operator-token", TOKEN]);
const link = (url) => `${url}/inspector?token=${TOKEN}`;

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const row = (page, text) => grid(page).getByRole("row").filter({ hasText: text });
const watched = (page) => page.getByRole("group", { name: "Watched" });
const all = (page) => page.getByRole("radio", { name: "All connections (operator)" });
const own = (page) => page.getByRole("radio", { name: "Your own connections" });

/** Waits until it says that it shows its reader's own connections. */
const ownAlone = (page) =>
  watched(page)
    .getByRole("status")
    .filter({ hasText: /^Your own connections$/ })
    .waitFor();

/** Waits until the page is told of what passes. */
const live = (page) =>
  page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();

/** Opens a connection from the page, and says something. */
async function say(page, text) {
  await live(page);
  const open = page.getByRole("button", { name: "Open", exact: true });
  if (await open.isEnabled()) await open.click();
  await page.getByLabel("Message to send").fill(text);
  await page.getByRole("button", { name: "Send text" }).click();
}

test("the link makes a browser the operator's, and the token is gone from the address", TIMEOUT, async (t) => {
  const { url } = await start(t);
  const browser = await startBrowser(t);
  const stranger = await openPage(t, browser, `${url}/inspector`);
  await ownAlone(stranger);
  assert.equal(await all(stranger).count(), 0);
  await say(stranger, "before anybody watched");
  await row(stranger, "before anybody watched").nth(1).waitFor();

  const context = await newPerson(browser);
  const asked = [];
  context.on("request", (request) => asked.push([request.url(), request.headers().referer ?? ""]));
  const operator = await openPageIn(t, context, link(url));
  assert.equal(operator.url(), `${url}/inspector`);
  assert.equal(await operator.evaluate(() => document.referrer), "");
  await live(operator);
  assert.ok(await all(operator).isChecked());
  // What is open shows itself, before another byte passes.
  await row(operator, "when this connection was open already").first().waitFor();
  await say(stranger, "seen by the operator");
  await row(operator, "seen by the operator").nth(1).waitFor();
  assert.equal(await row(operator, "before anybody watched").count(), 0);
  const tokens = asked.filter(([to, from]) => `${to} ${from}`.includes("correct-horse"));
  assert.deepEqual(tokens, [[link(url), ""]], "it is sent once, and told to nobody");
  await operator.goBack().catch(() => {});
  assert.ok(!operator.url().includes("correct-horse"));

  // Its own connections, and what it says there, are nobody else's to see.
  await operator.goto(`${url}/inspector`);
  await say(operator, "the operator's own");
  await row(operator, "the operator's own").nth(1).waitFor();
  await say(stranger, "the end");
  await row(stranger, "the end").nth(1).waitFor();
  assert.equal(await row(stranger, "the operator's own").count(), 0);
});

test("the operator may look at their own alone, and give the cookie back", TIMEOUT, async (t) => {
  const { url } = await start(t);
  const browser = await startBrowser(t);
  const stranger = await openPage(t, browser, `${url}/inspector`);
  const operator = await openPage(t, browser, link(url), { mayComplain: /inspect\/live/ });
  await live(operator);
  await say(stranger, "one for all");
  await row(operator, "one for all").nth(1).waitFor();

  await own(operator).check();
  await row(operator, "one for all").first().waitFor({ state: "detached" });
  await live(operator);
  assert.equal(operator.url(), `${url}/inspector?own`);
  await say(stranger, "not in sight");
  await row(stranger, "not in sight").nth(1).waitFor();
  await say(operator, "mine");
  await row(operator, "mine").nth(1).waitFor();
  assert.equal(await row(operator, "not in sight").count(), 0);
  await operator.reload();
  await live(operator);
  assert.ok(await own(operator).isChecked(), "it stays so");
  await all(operator).check();
  assert.equal(operator.url(), `${url}/inspector`);
  await live(operator);
  // Nothing that could refer to what was said before, which this watch has not seen.
  await say(stranger, "ABCDEFG");
  await row(operator, "ABCDEFG").nth(1).waitFor();

  const other = await openPageIn(t, operator.context(), `${url}/inspector`, { mayComplain: /inspect\/live/ });
  await live(other);
  assert.ok(await all(other).isChecked());
  await operator.getByRole("button", { name: "Forget the token" }).click();
  for (const page of [operator, other]) {
    await ownAlone(page);
    await live(page);
    assert.equal(await all(page).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Forget the token" }).count(), 0);
  }
  const cookies = await operator.context().cookies();
  assert.ok(!cookies.some(({ name }) => name.startsWith("framescope_operator")));
  await say(stranger, "nobody's business");
  await row(stranger, "nobody's business").nth(1).waitFor();
  for (const page of [operator, other]) assert.equal(await row(page, "nobody's business").count(), 0);
});

test("a wrong token opens nothing, and cookies are stars", TIMEOUT, async (t) => {
  const { url } = await start(t);
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `${url}/inspector?token=guess`, { mayComplain: /40[34]/ });
  await page.getByText("this is not the operator's token").waitFor();
  await page.goto(`${url}/inspector`);
  await live(page);
  assert.equal(await all(page).count(), 0);

  const operator = await openPage(t, browser, link(url));
  await live(operator);
  await say(page, "with a cookie");
  await row(operator, "GET /echo").first().click();
  const head = operator.getByRole("tree", { name: "Fields" });
  await head.getByText("*****").first().waitFor();
  const secrets = [...(await page.context().cookies()), ...(await operator.context().cookies())];
  assert.ok(secrets.some(({ name, httpOnly }) => name.startsWith("framescope_operator") && httpOnly));
  const shown = `${await head.textContent()} ${await operator.getByRole("grid", { name: /^Bytes/ }).textContent()}`;
  for (const { value } of secrets) assert.ok(!shown.includes(value));
});

test("who is watched can be read and chosen in any width, light and dark", TIMEOUT, async (t) => {
  const { url } = await start(t);
  const browser = await startBrowser(t);
  for (const options of [
    { viewport: { width: 1280, height: 800 } },
    PHONE,
    { viewport: { width: 360, height: 740 } },
  ]) {
    const operator = await openPage(t, browser, link(url), options);
    await live(operator);
    await checkWidth(operator);
    await checkAxe(operator);
    await all(operator).focus();
    await operator.keyboard.press("ArrowDown");
    assert.ok(await own(operator).isChecked());
    await live(operator);
    await checkAxe(operator);
  }
});
