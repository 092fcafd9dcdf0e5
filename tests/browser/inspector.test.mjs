// The inspector as a person uses it: one click, and each frame of the page's own connection is there, down to the bit.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { openPage, root, startBrowser, startServer, temporaryFolder } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const rows = (page) => grid(page).getByRole("row");
/** The row whose preview or kind is `name`. */
const row = (page, name) => rows(page).filter({ hasText: name });
const field = (page, name) =>
  page.getByRole("tree", { name: "Fields" }).locator(`[role=treeitem][data-field="${name}"]`);
const value = (page, name) => field(page, name).first().locator(".field-value").textContent();

async function open(page) {
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await row(page, "101").first().waitFor();
}

async function sendText(page, text) {
  await page.getByLabel("Message to send").fill(text);
  await page.getByRole("button", { name: "Send text" }).click();
}

/** Rows of this kind, which is an opcode's name or `request`, `response`, `end`. */
const ofKind = (page, kind) => rows(page).filter({ has: page.getByRole("gridcell", { name: kind, exact: true }) });
/** The last fragments of messages. */
const lastFragment = (page) =>
  ofKind(page, "continuation").filter({ has: page.getByRole("gridcell", { name: /^FIN 1,/ }) });

/** The cells of a row by their column's name. */
async function cells(page, which) {
  const names = await grid(page).getByRole("columnheader").allTextContents();
  const texts = await which.getByRole("gridcell").allTextContents();
  return Object.fromEntries(names.map((name, place) => [name, texts[place]]));
}

/** Chooses row after row from the top and reads what `read` finds there. */
async function eachRow(page, read) {
  await grid(page).focus();
  await page.keyboard.press("Home");
  const count = Number(await grid(page).getAttribute("aria-rowcount")) - 1;
  const found = [];
  for (let index = 0; index < count; index++) {
    const chosen = rows(page).and(page.locator('[aria-selected="true"]'));
    await page.locator(`#row-${index}[aria-selected="true"]`).waitFor();
    // Its fields come a moment later.
    await page
      .locator("#fields-note")
      .filter({ hasText: `No. ${index + 1} ·` })
      .waitFor();
    found.push(await read(chosen, index));
    await page.keyboard.press("ArrowDown");
  }
  return found;
}

test("text, binary and a message that Chromium fragments: each frame with its fields", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  await open(page);

  await sendText(page, "Hello, inspector");
  await row(page, "Hello, inspector").nth(1).waitFor();
  assert.deepEqual(
    await row(page, "Hello, inspector")
      .allInnerTexts()
      .then((texts) => texts.map((text) => (text.includes("C → S") ? "c2s" : "s2c"))),
    ["c2s", "s2c"],
  );
  await row(page, "Hello, inspector").first().click();
  assert.equal(await value(page, "fin"), "1");
  assert.match(await value(page, "opcode"), /text|0x1|1/);
  assert.match(await field(page, "opcode").textContent(), /RFC 6455/);
  assert.match(await value(page, "mask"), /1/);
  assert.match((await value(page, "masking-key")).replaceAll(" ", ""), /^(0x)?[0-9a-f]{8}/i);

  await page.getByRole("button", { name: "Send binary" }).click();
  const binary = ofKind(page, "binary");
  await binary.nth(1).waitFor();
  const sent = await cells(page, binary.first());
  assert.equal(sent.Way, "C → S");
  await binary.first().click();
  assert.equal(await value(page, "fin"), "1");

  await page.getByRole("button", { name: "Send 256 KiB" }).click();
  const last = lastFragment(page);
  await last.first().waitFor();
  const fragments = ofKind(page, "continuation");
  await fragments.first().waitFor();
  const fragment = await cells(page, last.first());
  assert.equal(fragment.Way, "C → S");
  assert.match(fragment["FIN RSV"], /^1 /);
  const count = Number(/ of (\d+)/.exec(fragment.Fragment)[1]);
  assert.ok(count >= 2, `Chromium sent it in ${count} frames`);
  await last.first().click();
  await page.getByText(/Message \d+: text, 262\D144 bytes/).waitFor();
  assert.equal(await value(page, "fin"), "1");

  await page.getByRole("button", { name: "Close", exact: true }).click();
  const closes = ofKind(page, "close");
  await closes.nth(1).waitFor();
  await closes.first().click();
  await page.getByRole("tree", { name: "Fields" }).getByText("1000").first().waitFor();
  assert.equal(await page.getByRole("group", { name: /^Violation/ }).count(), 0);
});

test("a field lights its bits and bytes, and a byte its field", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  await open(page);
  await sendText(page, "bits");
  await row(page, "bits").first().click();

  await field(page, "opcode").click();
  const bits = page.getByRole("listbox", { name: /bit by bit/ }).getByRole("option");
  assert.equal(await bits.count(), 16);
  const lit = await bits.evaluateAll((all) =>
    all.flatMap((bit, place) => (bit.matches(".lit, [aria-selected=true]") ? [place] : [])),
  );
  assert.deepEqual(lit, [4, 5, 6, 7]);

  await bits.nth(8).click();
  assert.equal(await field(page, "mask").getAttribute("aria-selected"), "true");
  assert.equal(await field(page, "opcode").getAttribute("aria-selected"), "false");

  // Bytes 2 to 5 of a masked frame are the key.
  const bytes = page.getByRole("grid", { name: "Bytes of the frame" });
  await bytes.locator('[data-byte="3"]').first().click();
  assert.equal(await field(page, "masking-key").getAttribute("aria-selected"), "true");
  await field(page, "masking-key").click();
  const litBytes = await bytes
    .locator("[data-byte].lit")
    .evaluateAll((all) => [...new Set(all.map((byte) => Number(byte.dataset.byte)))]);
  assert.deepEqual(litBytes, [2, 3, 4, 5]);

  // The keyboard does it, too.
  await grid(page).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-field")), "fin");
});

test("pause holds the list, clear empties it", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  await open(page);
  await sendText(page, "before the pause");
  await row(page, "before the pause").nth(1).waitFor();
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.click();
  const held = await grid(page).getAttribute("aria-rowcount");
  await sendText(page, "during the pause");
  await page.getByText(/[1-9]\d* more behind it/).waitFor();
  assert.equal(await row(page, "during the pause").count(), 0);
  assert.equal(await grid(page).getAttribute("aria-rowcount"), held);
  await pause.click();
  await row(page, "during the pause").nth(1).waitFor();

  await page.getByRole("button", { name: "Clear" }).click();
  await row(page, "before the pause").first().waitFor({ state: "detached" });
  await sendText(page, "after the clearing");
  await row(page, "after the clearing").nth(1).waitFor();
});

test("whoever went back in rows that go on is led to the newest, and in a file nobody is", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  const newest = page.getByRole("button", { name: "Newest" });
  await page.getByRole("button", { name: "A chat" }).click();
  await page
    .locator(".toast")
    .filter({ hasText: /A chat: \d+ rows/ })
    .first()
    .waitFor();
  await grid(page).focus();
  await page.keyboard.press("Home");
  await page.locator('#row-0[aria-selected="true"]').waitFor();
  assert.ok(!(await newest.isVisible()));

  await open(page);
  await newest.click();
  await newest.waitFor({ state: "hidden" });
});

test("it can be used at the width of a phone", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`, { viewport: { width: 360, height: 740 } });
  await open(page);
  await sendText(page, "small");
  await row(page, "small").first().click();
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await overflow(), 0);
  await page.getByRole("tab", { name: "Fields" }).click();
  await field(page, "opcode").click();
  await page.getByRole("tab", { name: "Bytes" }).first().click();
  await page.getByRole("listbox", { name: /bit by bit/ }).waitFor();
  assert.equal(await overflow(), 0);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing on the pages in ${colorScheme}`, TIMEOUT, async (t) => {
    const { url } = await startServer(t);
    const browser = await startBrowser(t);
    for (const path of ["/", "/inspector", "/test-websocket"]) {
      const page = await openPage(t, browser, url + path, { colorScheme, reducedMotion: "reduce" });
      if (path === "/inspector") {
        await open(page);
        await sendText(page, "for axe");
        await row(page, "for axe").first().click();
        await field(page, "opcode").click();
      }
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      const found = serious.map(({ id, nodes }) => `${path}: ${id} at ${nodes.map(({ target }) => target).join(", ")}`);
      assert.deepEqual(found, []);
    }
  });
}

test("a saved capture opens in tshark, which sees what the page shows, frame by frame", TIMEOUT, async (t) => {
  const { url, port } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  await open(page);
  await sendText(page, "Hello, Wireshark");
  await page.getByRole("button", { name: "Send binary" }).click();
  await page.getByRole("button", { name: "Send 256 KiB" }).click();
  await lastFragment(page).first().waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await ofKind(page, "close").nth(1).waitFor();
  // The echo of the large message ends before the closes; both ends of the TCP connection come last.
  const shown = (
    await eachRow(page, async (chosen) => {
      const { Way, Kind, Length, "FIN RSV": bits } = await cells(page, chosen);
      if (bits === "") return null;
      const isMasked = Way === "C → S";
      const key = isMasked
        ? (await value(page, "masking-key"))
            .toLowerCase()
            .replace(/^0x/, "")
            .replaceAll(/[^0-9a-f]/g, "")
            .slice(0, 8)
        : null;
      return {
        way: Way,
        kind: Kind,
        fin: bits[0],
        rsv: Number.parseInt(bits.slice(2), 2),
        length: Number(Length.replaceAll(/\D/g, "")),
        mask: isMasked,
        key,
      };
    })
  ).filter((frame) => frame !== null);

  const folder = temporaryFolder(t);
  const file = join(folder, "saved.pcapng");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save .pcapng" }).click();
  await (await download).saveAs(file);
  const tshark = frames(file, port);

  const byWay = (list, way) => list.filter((frame) => frame.way === way);
  for (const way of ["C → S", "S → C"]) {
    assert.ok(byWay(shown, way).length >= 4);
    assert.deepEqual(byWay(tshark, way), byWay(shown, way), way);
  }
});

/** The WebSocket frames that tshark finds, in the page's terms. */
function frames(file, port) {
  const args = [
    "-r",
    file,
    "-T",
    "json",
    "--no-duplicate-keys",
    "-Y",
    "websocket",
    "-J",
    "tcp websocket",
    "-d",
    `tcp.port==${port},http`,
  ];
  const output = execFileSync("tshark", args, { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 28 });
  const names = { 0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong" };
  return JSON.parse(output.toString()).flatMap(({ _source: { layers } }) => {
    const way = Number(layers.tcp["tcp.dstport"]) === port ? "C → S" : "S → C";
    return [layers.websocket].flat().map((frame) => {
      const long = frame["websocket.payload_length_ext_16"] ?? frame["websocket.payload_length_ext_64"];
      const mask = isSet(frame["websocket.mask"]);
      return {
        way,
        kind: names[Number(frame["websocket.opcode"])],
        fin: isSet(frame["websocket.fin"]) ? "1" : "0",
        rsv: Number(frame["websocket.rsv"]),
        length: Number(long ?? frame["websocket.payload_length"]),
        mask,
        key: mask ? frame["websocket.masking_key"].replaceAll(":", "").replace(/^0x/, "") : null,
      };
    });
  });
}

const isSet = (flag) => flag === "1" || flag === "True" || flag === true;

test("another browser session sees nothing of the first", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const one = await openPage(t, browser, `${url}/inspector`);
  const other = await openPage(t, browser, `${url}/inspector`);
  await open(one);
  await sendText(one, "only mine");
  await row(one, "only mine").nth(1).waitFor();
  await open(other);
  await sendText(other, "only theirs");
  await row(other, "only theirs").nth(1).waitFor();
  assert.equal(await row(other, "only mine").count(), 0);
  assert.equal(await row(one, "only theirs").count(), 0);
  // A second tab of the same session sees all of it that is still to come.
  const tab = await one.context().newPage();
  await tab.goto(`${url}/inspector`);
  await tab
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  await sendText(one, "seen in both tabs");
  await row(tab, "seen in both tabs").nth(1).waitFor();
});

test("the cookie is not in the capture", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`);
  await open(page);
  const [{ value: secret }] = (await page.context().cookies()).filter(({ name }) => name === "framescope_session");
  const file = join(temporaryFolder(t), "saved.pcapng");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save .pcapng" }).click();
  await (await download).saveAs(file);
  const saved = await readFile(file, "latin1");
  assert.ok(saved.includes("Upgrade: websocket"));
  assert.match(saved, /Cookie: /i);
  assert.ok(!saved.includes(secret));
});

test("without the module the page names the command that builds it", TIMEOUT, async (t) => {
  // A copy of the pages without it; the folder of the others is not touched.
  const folder = join(temporaryFolder(t), "www");
  await cp(join(root, "www"), folder, { recursive: true });
  renameSync(join(folder, "pkg"), join(folder, "..", "pkg"));
  const { url } = await startServer(t, ["--www", folder]);
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/inspector`);
  await page.getByText("make wasm").first().waitFor();
  await page.getByText("(cd wasm-client && wasm-pack build --target web -d ../www/pkg)", { exact: true }).waitFor();
  await page.getByText("(cd wasm-client && wasm-pack test --headless --chrome)", { exact: true }).waitFor();
});
