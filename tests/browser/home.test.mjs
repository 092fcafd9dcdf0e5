// The home page: what is here, and who.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPage,
  openUser,
  openWire,
  PHONE,
  register,
  SERVER_GONE,
  sessionOf,
  startBrowser,
  startServer,
  startStoringServer,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

const online = (page) => page.getByRole("region", { name: /^Online now/ });
const people = (page) => online(page).getByRole("listitem");

test("it leads to every page", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  const places = await page
    .getByRole("navigation", { name: "Pages" })
    .getByRole("link")
    .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  assert.deepEqual(places, [
    "/inspector",
    "/drawing-board",
    "/direct-messaging",
    "/video-call",
    "/chat",
    "/test-websocket",
  ]);
  const cards = await page.getByRole("region", { name: "What is here" }).getByRole("link").all();
  const linked = await Promise.all(cards.map((card) => card.getAttribute("href")));
  assert.deepEqual(linked.toSorted(), [...places, "/ping-pong"].toSorted());
});

test("who comes online appears, and who leaves is gone, without the drawing board", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const page = await openUser(t, browser, url, "ada");
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await online(page).getByText("Nobody is drawing, writing or calling just now.").waitFor();
  await register(url, "Bob");
  const bob = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, "Bob") });
  const ada = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, "ada") });
  await people(page).nth(1).waitFor();
  assert.deepEqual(await people(page).locator("bdi").allTextContents(), ["ada", "Bob"]);
  await people(page).filter({ hasText: "ada(you)" }).waitFor();
  await ada.close();
  await people(page).nth(1).waitFor({ state: "detached" });
  bob.kill9();
  await online(page).getByText("Nobody is drawing, writing or calling just now.").waitFor();
  assert.deepEqual(sockets, []);
});

test("where nothing is, people get a page and programs a line", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`, { mayComplain: /404/ });
  const response = await page.goto(`${url}/nowhere/at/all`);
  assert.equal(response.status(), 404);
  assert.equal(response.headers()["cache-control"], "no-store");
  await page.getByRole("link", { name: "What is here" }).click();
  await page.waitForURL(`${url}/`);
  const plain = await fetch(`${url}/nowhere/at/all`);
  assert.equal(plain.status, 404);
  assert.match(plain.headers.get("content-type"), /^text\/plain/);
});

test("a guest is told what a guest may do", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/`);
  await online(page).getByText("Nobody who is signed in. Guests draw and chat without being listed.").waitFor();
  await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name: "Sign in" }).waitFor();
});

test("500 people do not bury the page", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  for (const device of [{}, PHONE]) {
    const context = await newPerson(browser, device);
    const page = await context.newPage();
    const users = Array.from({ length: 500 }, (_, place) => ({ username: `somebody.${place}`.padEnd(32, "W") }));
    await page.route("**/api/users/online", (route) => route.fulfill({ json: { users } }));
    await page.goto(`${url}/`);
    await page.getByRole("heading", { name: "Online now 500 people" }).waitFor();
    assert.equal(await people(page).count(), 24);
    await checkWidth(page);
    await checkAxe(page);
    const more = page.getByRole("button", { name: "and 476 more: show all" });
    await more.click();
    assert.equal(await people(page).count(), 500);
    await checkWidth(page);
    await page.getByRole("button", { name: "Show fewer" }).click();
    assert.equal(await people(page).count(), 24);
  }
});

test("with the server gone it says so, and goes on when it is back", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const page = await openPage(t, await startBrowser(t), `${server.url}/`, { mayComplain: SERVER_GONE });
  await page.getByRole("status").filter({ hasText: "Server is well" }).waitFor();
  await server.kill9();
  const banner = page.getByRole("status").filter({ hasText: "The server does not answer." });
  await banner.filter({ hasText: /Trying again/ }).waitFor();
  await page.getByRole("status").filter({ hasText: "Server does not answer" }).first().waitFor();
  await checkAxe(page);
  await server.restart();
  // It asks by itself, at intervals that grow the longer it was gone.
  await banner.waitFor({ state: "hidden", timeout: 40_000 });
  await page.getByRole("status").filter({ hasText: "Server is well" }).waitFor();
});

test("it weighs little, and axe finds nothing", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  for (const device of [{}, PHONE]) {
    const page = await openPage(t, browser, "about:blank", device);
    const finished = [];
    page.on("requestfinished", (request) => finished.push(request));
    await page.goto(`${url}/`);
    await page.getByRole("status").filter({ hasText: "Server is well" }).waitFor({ state: "attached" });
    await page.waitForLoadState("networkidle");
    const sizes = await Promise.all(finished.map((request) => request.sizes()));
    const weight = sizes.reduce((sum, { responseBodySize: body, responseHeadersSize: head }) => sum + body + head, 0);
    t.diagnostic(`${weight} bytes`);
    assert.ok(weight > 10_000 && weight < 300_000, `${weight} bytes`);
    await checkAxe(page);
    await checkWidth(page);
  }
});
