// Windows of one's own: the page can be installed, and be open several times at once.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
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

const TIMEOUT = { timeout: 180_000 };

test("the browser finds nothing that keeps it from installing the pages", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  for (const path of ["/", "/chat", "/ping-pong", "/nowhere"]) {
    const page = await openPage(t, browser, url + path, { mayComplain: /404/ });
    const chromium = await page.context().newCDPSession(page);
    const { url: address, errors, manifest } = await chromium.send("Page.getAppManifest");
    assert.equal(address, `${url}/manifest.webmanifest`, path);
    assert.deepEqual(errors, [], path);
    assert.equal(manifest.startUrl, `${url}/`);
    const { installabilityErrors } = await chromium.send("Page.getInstallabilityErrors");
    // Contexts of a test are incognito.
    const found = installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito");
    assert.deepEqual(found, [], path);
    await page.context().close();
  }
});

test("the manifest is what it says it is, and so are its icons", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const answer = await fetch(`${url}/manifest.webmanifest`);
  assert.equal(answer.headers.get("content-type"), "application/manifest+json");
  const { icons, shortcuts } = await answer.json();
  for (const { src, sizes, type } of icons) {
    const icon = await fetch(new URL(src, url));
    assert.equal(icon.headers.get("content-type"), type, src);
    if (type !== "image/png") continue;
    // IHDR: width and height stand behind the signature and the chunk's head.
    const view = new DataView(await icon.arrayBuffer());
    assert.equal(`${view.getUint32(16)}x${view.getUint32(20)}`, sizes, src);
  }
  for (const { url: path } of shortcuts) assert.equal((await fetch(url + path)).status, 200, path);
  // What is installed has the colours of the masthead around it.
  const style = readFileSync(join(root, "www/style.css"), "utf8");
  const [, light, dark] = /--surface: light-dark\((#\w+), (#\w+)\)/.exec(style);
  const www = join(root, "www");
  for (const name of readdirSync(www, { recursive: true })) {
    if (!name.endsWith(".html") || /^(pkg|vendor)\//.test(name)) continue;
    const text = readFileSync(join(www, name), "utf8");
    assert.ok(text.includes('<link rel="manifest" href="/manifest.webmanifest">'), name);
    assert.ok(text.includes(`light)" content="${light}"`) && text.includes(`dark)" content="${dark}"`), name);
  }
});

/** Somebody in a room who asks for so many windows; the dialog is open. */
async function ask(t, context, url, count) {
  const page = await openPageIn(t, context, `${url}/chat?room=kitchen&name=ada`);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByRole("button", { name: "Server and client" }).click();
  await page.getByRole("button", { name: "Open windows …" }).click();
  await page.getByRole("radio", { name: String(count), exact: true }).check();
  return page;
}

/** Waits until these are in the room. */
const holds = (page, names) =>
  page.waitForFunction((wanted) => {
    const names = [...document.querySelectorAll("#members bdi")].map(({ textContent }) => textContent);
    return JSON.stringify(names.sort()) === wanted;
  }, JSON.stringify(names));

test("four windows come at once, each under its name, and keep it", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t));
  const page = await ask(t, context, url, 4);
  const dialog = page.getByRole("dialog", { name: "Open windows" });
  assert.equal(await dialog.getByRole("textbox").count(), 4);
  await dialog.getByLabel("Your name in it, window 4").fill("Bob 🐻");
  await checkAxe(page, "the dialog");
  await dialog.getByRole("button", { name: "Open", exact: true }).click();
  await holds(page, ["Bob 🐻", "ada", "ada 2", "ada 3", "ada 4"]);
  await dialog.waitFor({ state: "hidden" });
  const opened = context.pages().filter((other) => other !== page);
  assert.equal(opened.length, 4);
  // They began with a copy of what the first keeps for itself, and must not take its place or its messages.
  for (const other of opened) await other.reload();
  await holds(page, ["Bob 🐻", "ada", "ada 2", "ada 3", "ada 4"]);
  for (const other of opened) await holds(other, ["Bob 🐻", "ada", "ada 2", "ada 3", "ada 4"]);
  const titles = await Promise.all(opened.map((other) => other.title()));
  assert.equal(new Set(titles).size, 4, titles.join(" "));
  const places = await Promise.all(opened.map((other) => other.evaluate(() => [screenX, screenY].join())));
  assert.equal(new Set(places).size, 4, places.join(" "));
});

test("where the browser lets one window open, the others are links", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t, { blocksWindows: true }));
  const page = await ask(t, context, url, 3);
  const dialog = page.getByRole("dialog", { name: "Open windows" });
  await dialog.getByRole("button", { name: "Open", exact: true }).click();
  await dialog.getByText(/^Your browser let 1.window of 3 open/).waitFor();
  await holds(page, ["ada", "ada 2"]);
  await checkAxe(page, "with links");
  await dialog.getByRole("link", { name: "ada 3" }).click();
  await holds(page, ["ada", "ada 2", "ada 3"]);
  assert.equal(await dialog.getByRole("link").count(), 1);
  await page.bringToFront();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await holds(page, ["ada", "ada 2", "ada 3", "ada 4"]);
  await dialog.waitFor({ state: "hidden" });
});

test("windows of ping-pong are connected as the page that opened them", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t), PHONE);
  const page = await openPageIn(t, context, `${url}/ping-pong?client=browser`);
  await page.getByRole("button", { name: "Open windows …" }).tap();
  await checkWidth(page);
  await page.getByRole("radio", { name: "1", exact: true }).check();
  const [other] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("button", { name: "Open", exact: true }).tap(),
  ]);
  await other.getByRole("heading", { name: "Ping-pong: Player 2" }).waitFor();
  await other.getByRole("button", { name: "Disconnect" }).waitFor();
  assert.equal(await other.getByRole("combobox", { name: "Client" }).inputValue(), "browser");
  assert.match(await other.title(), /^Player 2 · Ping-pong/);
});
