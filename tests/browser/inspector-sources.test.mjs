// Sources of the inspector that take more than a click: a proxy through the tunnel, a stream that nothing says is
// WebSocket, and a file so large that one stops it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { startProxy } from "../proxy/support.mjs";
import { checkAxe, openPage, startBrowser, startServer, temporaryFolder } from "./support.mjs";

const { WebSocket } = createRequire(import.meta.url)("ws");

const TIMEOUT = { timeout: 240_000 };
const TOKEN = "correct-horse+battery/staple==";
/** The column with the connection's number. */
const CONNECTION = 3;

const grid = (page) => page.getByRole("grid", { name: "Captured frames" });
const row = (page, text) => grid(page).getByRole("row").filter({ hasText: text });
const sources = (page) => page.getByRole("region", { name: "Sources" });
const live = (page) =>
  page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();

test("a proxy elsewhere is a source beside the server's own", TIMEOUT, async (t) => {
  const behind = await startServer(t);
  const proxy = await startProxy(t, behind.port, ["--inspect", "127.0.0.1:0"]);
  const { host, searchParams } = new URL(proxy.link);
  const server = await startServer(t, ["--tunnel-to", `the-proxy=ws://${host}/`]);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`);
  await live(page);
  await page.getByRole("button", { name: "Add a proxy" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a proxy" });
  await dialog.getByLabel("Operator token").fill("wrong");
  await dialog.getByRole("button", { name: "Connect" }).click();
  // Refused, and said so, with a way to try again.
  const region = sources(page).getByRole("region", { name: "the-proxy" });
  await region.getByText(/401|403/).waitFor();
  await region.getByRole("button", { name: /^Remove/ }).click();
  await region.waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Add a proxy" }).click();
  // The whole link will do.
  await dialog.getByLabel("Operator token").fill(proxy.link);
  assert.ok(searchParams.get("token"));
  await dialog.getByRole("button", { name: "Connect" }).click();
  await region.getByText(/proxy · live/).waitFor();
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/echo`);
  await once(socket, "open");
  socket.send("through the proxy");
  await row(page, "through the proxy").nth(1).waitFor();
  await region.getByRole("button", { name: /\/echo/ }).click();
  await page.getByText(/^connection \d+, \d+ of \d+/).waitFor();

  // The page's own connection stands in the same list.
  await sources(page).getByRole("button", { name: "All connections" }).click();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByLabel("Message to send").fill("straight");
  await page.getByRole("button", { name: "Send text" }).click();
  await row(page, "straight").nth(1).waitFor();
  assert.ok((await row(page, "through the proxy").count()) >= 2);
  await checkAxe(page);
  socket.close();
});

/** A client that is no browser, and has said something and heard it back. */
async function say(address, text) {
  const socket = new WebSocket(address);
  await once(socket, "open");
  const heard = once(socket, "message");
  socket.send(text);
  await heard;
  return socket;
}

test("taps, a proxy, the page's client and a file are one list, told apart by connection", TIMEOUT, async (t) => {
  const behind = await startServer(t);
  const proxy = await startProxy(t, behind.port, ["--inspect", "127.0.0.1:0"]);
  const tunnel = ["--tunnel-to", `the-proxy=ws://${new URL(proxy.link).host}/`];
  const server = await startServer(t, [...tunnel, "--operator-token", TOKEN]);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector?token=${TOKEN}`);
  await live(page);

  // Somebody's connection, which only the operator sees.
  const strangers = await say(`ws://127.0.0.1:${server.port}/echo`, "from the tap");
  await row(page, "from the tap").nth(1).waitFor();
  await page.getByRole("button", { name: "Add a proxy" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a proxy" });
  await dialog.getByLabel("Operator token").fill(proxy.link);
  await dialog.getByRole("button", { name: "Connect" }).click();
  await sources(page)
    .getByRole("region", { name: "the-proxy" })
    .getByText(/proxy · live/)
    .waitFor();
  const proxied = await say(`ws://127.0.0.1:${proxy.port}/echo`, "from the proxy");
  await row(page, "from the proxy").nth(1).waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByLabel("Message to send").fill("from the client");
  await page.getByRole("button", { name: "Send text" }).click();
  await row(page, "from the client").nth(1).waitFor();
  const parts = [[true, Buffer.concat([Buffer.from([0x81, 0x8d, 0, 0, 0, 0]), Buffer.from("from the file")])]];
  const request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  const answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}`;
  const buffer = pcap([[true, Buffer.from(request + key)], [false, Buffer.from(answer)], ...parts]);
  await page.locator("#files-input").setInputFiles({ name: "brought.pcap", mimeType: "", buffer });
  await row(page, "from the file").first().waitFor();

  // All at once, and then each alone.
  const said = ["from the tap", "from the proxy", "from the client", "from the file"];
  for (const text of said) await row(page, text).first().waitFor();
  const filter = page.getByRole("combobox", { name: "Filter" });
  for (const text of said) {
    const conn = await row(page, text).first().getByRole("gridcell").nth(CONNECTION).textContent();
    await filter.fill(`conn == ${conn.trim()} and text contains "from the"`);
    await filter.press("Enter");
    for (const other of said.filter((one) => one !== text))
      await row(page, other).first().waitFor({ state: "detached" });
    await row(page, text).first().waitFor();
    await filter.fill("");
    await filter.press("Enter");
    for (const each of said) await row(page, each).first().waitFor();
  }
  strangers.close();
  proxied.close();
});

/** A pcap of raw IPv4 with one TCP stream: each part from the client or, with `false`, from the server. */
function pcap(parts) {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(101, 20);
  const next = [1000, 5000];
  const packets = parts.map(([isClient, payload], at) => {
    const [from, to] = isClient ? [40_000, 7000] : [7000, 40_000];
    const packet = Buffer.alloc(16 + 40 + payload.length);
    packet.writeUInt32LE(1_700_000_000 + at, 0);
    packet.writeUInt32LE(40 + payload.length, 8);
    packet.writeUInt32LE(40 + payload.length, 12);
    const ip = packet.subarray(16);
    ip[0] = 0x45;
    ip.writeUInt16BE(40 + payload.length, 2);
    ip[8] = 64;
    ip[9] = 6;
    ip.set([192, 0, 2, isClient ? 1 : 2], 12);
    ip.set([192, 0, 2, isClient ? 2 : 1], 16);
    ip.writeUInt16BE(from, 20);
    ip.writeUInt16BE(to, 22);
    ip.writeUInt32BE(next[isClient ? 0 : 1], 24);
    ip[32] = 0x50;
    ip[33] = 0x18;
    payload.copy(ip, 40);
    next[isClient ? 0 : 1] += payload.length;
    return packet;
  });
  return Buffer.concat([header, ...packets]);
}

test("when what is held reaches its limit, live, the oldest go first, and the page says so", TIMEOUT, async (t) => {
  const server = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`);
  await live(page);
  // What a page may hold is set by nobody but its worker: the next question to it is this one.
  const [worker] = page.workers();
  const data = { id: -1, to: "capture", method: "setBudget", args: [256 * 1024] };
  await worker.evaluate((ask) => self.dispatchEvent(new MessageEvent("message", { data: ask })), data);
  const foot = page.getByText(/of\s256\sKiB\sheld/);
  await foot.waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  const send = async (text) => {
    await page.getByLabel("Message to send").fill(text);
    await page.getByRole("button", { name: "Send text" }).click();
  };
  await send("the oldest");
  await row(page, "the oldest").nth(1).waitFor();
  assert.equal(await page.getByText(/rows\swere\sdropped/).count(), 0);
  // What no compression makes small.
  for (let turn = 0; turn < 16; turn += 1) await send(`long ${randomBytes(20_000).toString("base64")}`);
  await page.getByText(/^the oldest \S+ rows were dropped to stay within it$/).waitFor();
  await send("the newest");
  await row(page, "the newest").nth(1).waitFor();
  await foot.waitFor();
  await grid(page).focus();
  await page.keyboard.press("Home");
  await row(page, "long").first().waitFor();
  assert.equal(await row(page, "the oldest").count(), 0);
  assert.equal(await row(page, "GET ").count(), 0);
});

test("a stream is read as WebSocket on the user's word", TIMEOUT, async (t) => {
  const server = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`);
  const file = join(temporaryFolder(t), "middle.pcap");
  writeFileSync(file, pcap([[true, Buffer.from("818537fa213d7f9f4d5158", "hex")]]));
  const picked = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Open files" }).click();
  await (await picked).setFiles(file);
  const region = sources(page).getByRole("region", { name: "middle.pcap" });
  await region.getByText(/TCP stream 0/).waitFor();
  await region.getByRole("button", { name: "Read as WebSocket" }).click();
  const dialog = page.getByRole("dialog", { name: /is WebSocket/ });
  await dialog.getByRole("radio", { name: "192.0.2.1:40000" }).check();
  await checkAxe(page);
  await dialog.getByRole("button", { name: "Read as WebSocket" }).click();
  await row(page, "Hello").waitFor();
  await region.getByText(/TCP stream 0/).waitFor({ state: "detached" });
});

test("a large file shows its first rows at once, and can be stopped", TIMEOUT, async (t) => {
  const server = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`);
  await live(page);
  const file = join(temporaryFolder(t), "large.pcap");
  const head = Buffer.from(
    "GET /load HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  const answer = Buffer.from(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  );
  const frame = Buffer.concat([Buffer.from([0x82, 126, 0x04, 0x00]), Buffer.alloc(1024, 7)]);
  const parts = [
    [true, head],
    [false, answer],
  ];
  for (let count = 0; count < 60_000; count += 1) parts.push([false, frame]);
  writeFileSync(file, pcap(parts));
  // As from a slow disk, so that it is still being read when it is to be stopped.
  const [worker] = page.workers();
  await worker.evaluate(() => {
    const { stream } = Blob.prototype;
    Blob.prototype.stream = function () {
      const slow = new TransformStream({
        async transform(chunk, controller) {
          for (let from = 0; from < chunk.length; from += 1 << 18) {
            await new Promise((done) => setTimeout(done, 50));
            controller.enqueue(chunk.subarray(from, from + (1 << 18)));
          }
        },
      });
      return stream.call(this).pipeThrough(slow);
    };
  });
  const picked = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Open files" }).click();
  await (await picked).setFiles(file);
  await row(page, "GET /load").waitFor();
  const bar = page.getByRole("progressbar", { name: "Reading large.pcap" });
  await bar.waitFor();
  await page.getByRole("button", { name: "Cancel reading large.pcap" }).click();
  await sources(page)
    .getByText(/cancelled at \d+/)
    .waitFor();
  await bar.waitFor({ state: "detached" });
  assert.ok((await row(page, "GET /load").count()) === 1);
});
