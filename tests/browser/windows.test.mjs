// Windows of one's own: the page can be installed, and be open several times at once.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, root, startBrowser, startServer } from "./support.mjs";

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
  const page = await (await fetch(`${url}/chat`)).text();
  assert.ok(page.includes(`light)" content="${light}"`) && page.includes(`dark)" content="${dark}"`));
});
