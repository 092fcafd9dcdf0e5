// Interception in the page: what passes through a proxy is held, edited, dropped; and frames are put in.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { WebSocket } from "ws";
import { checkAxe, checkWidth, openPage, PHONE, program, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 120_000 };

/** A proxy in front of this server: where it listens, and the operator's link. */
async function startProxy(t, server) {
  const args = [
    "proxy",
    "--listen",
    "127.0.0.1:0",
    "--inspect",
    "127.0.0.1:0",
    "--to",
    `ws://127.0.0.1:${server.port}`,
  ];
  const child = spawn(program(), args, { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill("SIGKILL"));
  let printed = "";
  for await (const line of createInterface(child.stdout)) {
    printed += `${line}\n`;
    const url = /ws:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
    const link = /http:\/\/\S+\?token=\S+/.exec(printed)?.[0];
    if (!url || !link) continue;
    child.stdout.resume();
    return { url, link };
  }
  throw new Error(`the proxy ended: ${printed}`);
}

/** A client with nothing special about it. */
async function startClient(t, url, options = {}) {
  const socket = new WebSocket(`${url}/echo`, { perMessageDeflate: false, ...options });
  t.after(() => socket.terminate());
  const heard = [];
  let wake = () => {};
  socket.on("message", (data) => {
    heard.push(String(data));
    wake();
  });
  await once(socket, "open");
  return {
    say: (text) => socket.send(text),
    /** The next message. */
    async hear() {
      while (heard.length === 0) await new Promise((resolve) => (wake = resolve));
      return heard.shift();
    },
    heard,
  };
}

const held = (page) => page.getByRole("listbox", { name: "Held frames" });
const rows = (page) => held(page).getByRole("option");
const banner = (page) => page.getByRole("status").filter({ hasText: /^Intercepting / });
const filter = (page) => page.getByRole("combobox", { name: "Frames to hold" });
const payload = (page) => page.getByRole("region", { name: "Edit the frame" }).getByLabel("Payload data");

async function openPanel(page) {
  await page.getByRole("tab", { name: "Intercept" }).click();
  await page.getByRole("switch", { name: "Hold frames" }).waitFor();
}

async function hold(page, text) {
  await filter(page).fill(text);
  await filter(page).press("Enter");
  await page.getByRole("switch", { name: "Stop, and let all go" }).waitFor();
}

test("frames through the proxy are held, forwarded, edited, dropped, and others put in", TIMEOUT, async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server);
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, proxy.link, { mayComplain: /404/ });
  await openPanel(page);
  await page.getByText("This proxy: 0 open connections.").waitFor();
  await checkAxe(page, "nothing is held");

  // What is no filter is said at once, and holds nothing.
  await filter(page).fill("opcod == text ");
  await filter(page).press("Enter");
  await page.getByText("There is no field `opcod`").waitFor();
  await hold(page, 'text contains "hold" and dir == c2s');
  await banner(page).filter({ hasText: "none is held" }).waitFor();

  const client = await startClient(t, proxy.url);
  await page.getByText("This proxy: 1 open connection.").waitFor();
  client.say("passes");
  assert.equal(await client.hear(), "passes");
  for (const text of ["hold one", "behind it", "hold two", "hold three"]) client.say(text);
  await rows(page).nth(2).waitFor();
  await banner(page).filter({ hasText: "3 are held" }).waitFor();
  assert.match(await page.title(), /^\(3 held\)/);
  await rows(page).first().filter({ hasText: "hold one" }).waitFor();
  assert.equal(client.heard.length, 0, "what is behind it waits");
  await checkAxe(page, "frames are held");
  await checkWidth(page);

  // By key, and the next is chosen.
  await held(page).focus();
  await page.keyboard.press("f");
  assert.equal(await client.hear(), "hold one");
  assert.equal(await client.hear(), "behind it");
  await rows(page).first().filter({ hasText: "hold two" }).waitFor();

  // Edited: mask kept, length put right.
  assert.equal(await payload(page).inputValue(), "hold two");
  await payload(page).fill("something much longer than it was before, édité");
  await page.getByRole("button", { name: "Forward edited" }).click();
  assert.equal(await client.hear(), "something much longer than it was before, édité");

  await rows(page).first().filter({ hasText: "hold three" }).waitFor();
  await page.getByRole("button", { name: "Drop" }).click();
  await page.getByText("Waiting for a frame that this finds.").waitFor();
  client.say("after all that");
  assert.equal(await client.hear(), "after all that");

  // What was done stands in the capture.
  const grid = page.getByRole("grid", { name: "Captured frames" });
  await grid
    .getByRole("row")
    .filter({ hasText: /passed on edited; it was text, 8 bytes: hold two/ })
    .waitFor();
  await grid
    .getByRole("row")
    .filter({ hasText: /then dropped; it was text, 10 bytes: hold three/ })
    .waitFor();

  // Injected, from the server.
  await page.getByText("Inject a frame").click();
  const form = page.getByRole("region", { name: "The frame to inject" });
  await form.getByLabel("Payload data").fill("nobody sent this");
  await page.getByRole("button", { name: "Inject", exact: true }).click();
  assert.equal(await client.hear(), "nobody sent this");
  await page.getByText(/^Injected into /).waitFor();
  await form.getByLabel("FIN").uncheck();
  await page.getByRole("button", { name: "Inject", exact: true }).click();
  await page.getByText(/begins a message that it does not end.*Force/).waitFor();

  // Whoever leaves lets everything go.
  client.say("hold this while the page goes away");
  await rows(page).first().waitFor();
  await page.close();
  assert.equal(await client.hear(), "hold this while the page goes away");
});

test("the lab's own frames are held before they go out, and before it sees them", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `${url}/inspector`);
  await openPanel(page);
  await page.getByText("The lab of this page: 0 open connections.").waitFor();
  await hold(page, "opcode == text");

  await page.getByRole("tab", { name: "Lab" }).click();
  const lab = page.getByRole("tabpanel", { name: "Compose" });
  await lab.getByLabel("Payload data").first().fill("from the lab");
  await lab.getByRole("button", { name: "Connect and send" }).click();
  await banner(page).filter({ hasText: "1 is held" }).waitFor();
  await banner(page).getByRole("button", { name: "Show" }).click();
  await rows(page).first().filter({ hasText: "from the lab" }).waitFor();
  await payload(page).fill("edited on its way");
  await page.getByRole("button", { name: "Forward edited" }).click();
  // What comes back is held as well.
  await rows(page).first().filter({ hasText: "edited on its way" }).waitFor();
  await checkAxe(page, "a frame of the lab's is held");
  await page.getByRole("button", { name: "Drop" }).click();
  await page.getByText("Waiting for a frame that this finds.").waitFor();
  const grid = page.getByRole("grid", { name: "Captured frames" });
  await grid
    .getByRole("row")
    .filter({ hasText: /passed on edited; it was text, 12 bytes: from the lab/ })
    .waitFor();
  await grid
    .getByRole("row")
    .filter({ hasText: /then dropped; it was text/ })
    .waitFor();
  await page.getByRole("switch").click();
  await page.getByRole("switch", { name: "Hold frames" }).waitFor();
  await banner(page).waitFor({ state: "hidden" });
});

test("a page that is no proxy's says where frames can be held", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `${url}/inspector`, PHONE);
  await page.getByRole("tab", { name: "Tools" }).click();
  await openPanel(page);
  await page.getByText("framescope proxy --to ws://host:port").waitFor();
  await checkAxe(page, "no proxy, on a phone");
  await checkWidth(page);
});
