// What holds on every page: one masthead, one way in for keyboards, one banner when the server is gone.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPageIn,
  register,
  root,
  SERVER_GONE,
  signIn,
  startBrowser,
  startServer,
  startStoringServer,
} from "./support.mjs";

const TIMEOUT = { timeout: 300_000 };

/** Pages that somebody who is signed in can open as they are. */
const PAGES = [
  "/",
  "/inspector",
  "/drawing-board",
  "/direct-messaging",
  "/video-call",
  "/chat",
  "/test-websocket",
  "/ping-pong",
  "/account",
  "/login",
  "/register",
];

/** Those that talk to the server by themselves, and so notice that it is gone. */
const TALKING = [
  "/",
  "/inspector",
  "/drawing-board",
  "/direct-messaging",
  "/video-call",
  "/test-websocket",
  "/ping-pong",
];

const www = join(root, "www");
const files = readdirSync(www, { recursive: true }).filter(
  (name) => name.endsWith(".html") && !/^(pkg|vendor)\//.test(name),
);

/** The masthead without what a page may say of itself: which page it is, where it skips to, and how it fares. */
function masthead(text) {
  const found = /<header class="masthead">.*?<\/header>/s.exec(text)?.[0] ?? "none";
  return found
    .replaceAll(/ aria-current="\w+"/g, "")
    .replace(/\s*<a class="skip".*?<\/a>/, "")
    .replaceAll(/\s*<(span class="live"|button).*/g, "");
}

test("every page has the same masthead, and one place for the banner", () => {
  const expected = masthead(readFileSync(join(www, "index.html"), "utf8"));
  assert.match(expected, /Drawing|Draw/);
  for (const file of files) {
    const text = readFileSync(join(www, file), "utf8");
    assert.equal(masthead(text), expected, file);
    // The board has it within its stage, so that drawing goes on where it was.
    assert.equal(text.split(' id="banner" role="status"></div>').length, 2, file);
  }
});

test("every page begins with a way past the masthead, and has one heading of the first order", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const context = await newPerson(await startBrowser(t));
  await signIn(context, url, "ada");
  for (const path of PAGES) {
    const page = await openPageIn(t, context, url + path);
    await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name: "ada" }).waitFor();
    assert.equal(await page.getByRole("main").count(), 1, path);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, path);
    const skip = page.getByRole("link", { name: /^Skip to/ });
    const target = await skip.evaluate((link) => document.querySelector(link.hash)?.tagName ?? "nothing");
    assert.notEqual(target, "nothing", path);
    const here = page.getByRole("navigation", { name: "Pages" }).locator("[aria-current=page]");
    const isPlace = (await page.getByRole("navigation", { name: "Pages" }).locator(`[href="${path}"]`).count()) > 0;
    assert.equal(await here.count(), isPlace ? 1 : 0, path);
    await page.close();
  }
});

test("every page fits the narrowest window there is", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const context = await newPerson(await startBrowser(t), {
    viewport: { width: 320, height: 640 },
  });
  await signIn(context, url, "ada");
  for (const path of PAGES) {
    const page = await openPageIn(t, context, url + path);
    await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name: "ada" }).waitFor();
    await checkWidth(page);
    await checkAxe(page);
    await page.close();
  }
});

test("every page that talks to the server says when it is gone, and goes on when it is back", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  await register(server.url, "ada");
  const context = await newPerson(await startBrowser(t));
  await signIn(context, server.url, "ada");
  const pages = await Promise.all(
    TALKING.map((path) => openPageIn(t, context, server.url + path, { mayComplain: SERVER_GONE })),
  );
  for (const page of pages) {
    // Only a page that is seen asks by itself.
    await page.bringToFront();
    await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name: "ada" }).waitFor();
    await page.waitForLoadState("networkidle");
    // This one is connected when somebody wants it to be.
    if (page.url().endsWith("/ping-pong")) {
      await page.getByRole("button", { name: "Connect", exact: true }).click();
      await page.getByText("Connected to Framescope", { exact: true }).waitFor();
    }
  }
  const banner = (page) => page.locator("#banner").filter({ hasText: "Try now" });
  await server.kill9();
  for (const page of pages) {
    await page.bringToFront();
    await banner(page).waitFor();
  }
  await server.restart();
  for (const page of pages) {
    await page.bringToFront();
    // It may be back by itself before anybody presses.
    await banner(page).waitFor({ state: "hidden", timeout: 40_000 });
  }
});
