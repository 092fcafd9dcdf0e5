// Ping-pong: what the page says of pings and pongs, of servers that answer and of those that do not, by both clients.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPage,
  openPageIn,
  PHONE,
  SERVER_GONE,
  startBrowser,
  startServer,
  startStoringServer,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

const WASM = "client=wasm";
const BROWSER = "client=browser";

const addressOf = (url, ...parts) => `${url}/ping-pong?${parts.join("&")}`;

const pressConnect = (page) => page.getByRole("button", { name: "Connect", exact: true }).click();

async function connect(page, server = "Framescope") {
  await pressConnect(page);
  await page.getByText(`Connected to ${server}`, { exact: true }).waitFor();
}

const log = (page) => page.getByRole("log", { name: "What happened" });

const figure = (page, id) => page.locator(`#${id}`).textContent();

/** Waits until the table says so. */
const counts = (page, id, count) =>
  page.waitForFunction(
    ([which, wanted]) => document.getElementById(which)?.textContent === wanted,
    [id, String(count)],
  );

const frameOf = (page, name) => page.getByRole("region", { name: new RegExp(`^${name}\\b`) });

test("a ping comes back as a pong, timed, with both frames bit by bit", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), addressOf(url, WASM));
  await connect(page);
  await page.locator(".toast").getByText("Connected to Framescope.").waitFor();
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await page
    .locator(".toast")
    .getByText(/^Pong 1 after \d/)
    .waitFor();
  // The figures are drawn with the next picture, the toast at once.
  await counts(page, "answered", 1);
  assert.match(await figure(page, "last"), /^\d+(\.\d+)?\sms$/);
  const [ping, pong] = [frameOf(page, "Ping"), frameOf(page, "Pong")];
  await ping.getByRole("treeitem").filter({ hasText: "0x9 ping" }).waitFor();
  await pong.getByRole("treeitem").filter({ hasText: "0xA pong" }).waitFor();
  // Masked on the way there, with a key of its own; as it is on the way back.
  assert.equal(await ping.locator("[data-field=masking-key].field").count(), 1);
  assert.equal(await pong.locator("[data-field=masking-key].field").count(), 0);
  assert.equal(await pong.getByRole("listbox").getByRole("option").count(), 16);
  // The bytes are drawn with the next picture, the fields at once.
  await pong.getByRole("gridcell").filter({ hasText: /^6f$/ }).waitFor();
  assert.equal((await pong.getByRole("gridcell").allTextContents()).join(" ").trim(), "8a 05 48 65 6c 6c 6f");
  // Pointing at a field lights its bytes, here as in the inspector.
  await pong.locator("[data-field=payload-data].field").click();
  // They are lit with the next picture.
  await page.waitForFunction(() => document.querySelectorAll(".byte.lit").length === 5);
  await page.getByRole("button", { name: "Show the newest" }).waitFor();

  // Hex, empty, and as much as a ping holds.
  await page.getByLabel("Written as").selectOption("hex");
  const payload = page.getByRole("textbox", { name: "Payload" });
  assert.equal(await payload.inputValue(), "48 65 6c 6c 6f");
  await payload.fill("00 ff");
  await page.getByText("2 of 125 bytes").waitFor();
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await counts(page, "answered", 2);
  await log(page).getByText("Ping 2, 00 ff, sent.").waitFor();
  await payload.fill("0g");
  await page.getByText("“g” is no hexadecimal digit.").waitFor();
  await payload.fill("00f");
  await page.getByText("Two digits make a byte; here is one too few.").waitFor();
  await page.getByLabel("Written as").selectOption("text");
  await payload.fill("ä".repeat(63));
  await page.getByText("A ping has room for 125 bytes; this is 126.").waitFor();
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await counts(page, "sent", 2);
  for (const [number, text] of [
    [3, `${"ä".repeat(62)}!`],
    [4, ""],
  ]) {
    await payload.fill(text);
    await page.getByRole("button", { name: "Ping", exact: true }).click();
    await counts(page, "answered", number);
  }
  await checkAxe(page);
  assert.match(await page.getByRole("img", { name: /^The last 4 pings/ }).getAttribute("aria-label"), /ms/);

  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.locator(".toast").getByText("Disconnected from Framescope.").waitFor();
  await log(page).getByText("Code 1000, normal closure").waitFor();
  // The log stays until it is cleared.
  assert.match(await log(page).textContent(), /Connected to Framescope by Framescope client \(wasm\)/);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("The log was copied.").waitFor();
  const copied = (await page.evaluate(() => navigator.clipboard.readText())).trim().split("\n");
  assert.match(copied[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z Connecting to Framescope/);
  assert.equal(copied.length, await log(page).getByRole("listitem").count());
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByText("Nothing has happened yet.").waitFor();
  await page.getByRole("button", { name: "Start over" }).click();
  await counts(page, "sent", 0);
});

test("a series pings until it is stopped, and over a connection that was lost", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const page = await openPage(t, await startBrowser(t), addressOf(server.url, WASM), { mayComplain: SERVER_GONE });
  await page.getByLabel(/^Every/).fill("30");
  await connect(page);
  const series = page.getByRole("button", { name: "Keep pinging" });
  await series.click();
  const atLeast = (count) =>
    page.waitForFunction(
      (least) => Number(document.getElementById("answered")?.textContent.replaceAll(/\s/gu, "")) >= least,
      count,
    );
  await atLeast(10);
  await page.getByText("One by one").click();
  const latest = page.getByRole("table", { name: "The latest, one by one" });
  await latest.getByRole("button").nth(3).dispatchEvent("click");
  const shown = /of ping \d+$/;
  await page.getByText(shown).waitFor();
  await server.kill9();
  await page.locator("#banner").getByText("Try now").waitFor();
  await log(page)
    .getByText(/^Lost Framescope/)
    .waitFor();
  const before = Number((await figure(page, "answered")).replaceAll(/\s/gu, ""));
  await server.restart();
  await page.locator("#banner").getByText("Try now").waitFor({ state: "hidden", timeout: 40_000 });
  await atLeast(before + 10);
  await series.click();
  await page.getByRole("button", { name: "Keep pinging", pressed: false }).waitFor();
  await page
    .getByText(/^Pong \d+ after \d/, { exact: false })
    .first()
    .waitFor();
  // Those that are still on their way are answered, too: then each is counted, and once.
  await page.waitForFunction(() => {
    const [sent, answered, unanswered] = ["sent", "answered", "unanswered"].map((id) =>
      Number(document.getElementById(id)?.textContent.replaceAll(/\s/gu, "")),
    );
    return sent === answered + unanswered;
  });
});

test("a browser’s client cannot ping: the page says why, and times messages instead", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const requests = [];
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, addressOf(url, BROWSER));
  page.on("request", (request) => requests.push(request.url()));
  await page.getByText("A browser’s own client cannot ping.").waitFor();
  await connect(page);
  const send = page.getByRole("button", { name: "Send a message" });
  await send.click();
  await page
    .locator(".toast")
    .getByText(/^Answer 1 after \d/)
    .waitFor();
  await counts(page, "answered", 1);
  assert.equal(await page.getByRole("region", { name: "Both frames" }).count(), 0);
  assert.deepEqual(
    requests.filter((address) => address.includes("/pkg/")),
    [],
    "the module is not wanted here",
  );
  await checkAxe(page);
  // The other client takes over where one says so.
  await page.getByRole("button", { name: "choose Framescope’s client" }).click();
  await page.getByRole("button", { name: "Ping", exact: true }).click();
  await frameOf(page, "Pong").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("client"), "wasm");
  // And it is remembered.
  await page.goto(`${url}/ping-pong`);
  assert.equal(await page.getByRole("combobox", { name: "Client" }).inputValue(), "wasm");
});

test("what was refused, and why, is said in words", TIMEOUT, async (t) => {
  const nobody = createServer();
  nobody.listen(0, "127.0.0.1");
  await once(nobody, "listening");
  const { port } = nobody.address();
  nobody.close();
  await once(nobody, "close");
  const { url } = await startServer(t, ["--tunnel-to", `asleep=ws://127.0.0.1:${port}/`]);
  const browser = await startBrowser(t);
  for (const [parts, words] of [
    [[WASM, "server=asleep"], /asleep: nobody listens there/],
    [[WASM, "server=stranger"], /“stranger” is not on the list of servers that this page may reach/],
    [[WASM, `server=${encodeURIComponent("ws://127.0.0.1:9/")}`], /this server makes no tunnels there/],
    [[BROWSER, `server=${encodeURIComponent("ws://127.0.0.1:9/")}`], /lets this page connect to listed servers only/],
    [[BROWSER, "server=asleep"], /No connection to asleep\. A browser does not tell a page why/],
  ]) {
    const page = await openPage(t, browser, addressOf(url, ...parts), {
      mayComplain: new RegExp(`${SERVER_GONE.source}|Content Security Policy`),
    });
    await pressConnect(page);
    await page.locator("#trouble").getByText(words).waitFor();
    await log(page)
      .getByText(/^Not connected to/)
      .waitFor();
    assert.equal(await page.locator("#ping").isDisabled(), true);
    await checkAxe(page, parts.join());
    await page.context().close();
  }
});

test("a module that is not there is said to be so, and a try that lasts can be given up", TIMEOUT, async (t) => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const { url } = await startServer(t, ["--tunnel-to", `silent=ws://127.0.0.1:${silent.address().port}/`]);
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, addressOf(url, WASM, "server=silent"), { mayComplain: /404/ });
  await page.route("**/pkg/package.json", (route) => route.fulfill({ status: 404 }));
  await pressConnect(page);
  await page.locator("#trouble").getByText("run “make wasm”").waitFor();
  await page.unroute("**/pkg/package.json");
  const reached = once(silent, "connection");
  await pressConnect(page);
  await reached;
  await page.getByRole("button", { name: "Cancel" }).click();
  await log(page)
    .getByText(/^Disconnected from silent/)
    .waitFor({ timeout: 4_500 });
  await page.getByRole("button", { name: "Connect", exact: true }).waitFor();
});

test("pings that nobody answers are counted, and a close with its code is shown", TIMEOUT, async (t) => {
  const mute = await startMute(t);
  const { url } = await startServer(t, ["--tunnel-to", `mute=${mute.url}`]);
  const page = await openPage(t, await startBrowser(t), addressOf(url, WASM, "server=mute"));
  await connect(page, "mute");
  const ping = page.getByRole("button", { name: "Ping", exact: true });
  await ping.click();
  await ping.click();
  await counts(page, "sent", 2);
  await page.getByText("It has not come yet.").waitFor();
  await counts(page, "unanswered", 2);
  await log(page).getByText("No pong for ping 1.").waitFor();
  await page.getByText("It never came.").waitFor();
  // One that comes late still counts.
  mute.send(Buffer.from([0x8a, 5, ...Buffer.from("Hello")]));
  await counts(page, "answered", 1);
  await log(page)
    .getByText(/^Pong 2 after .* late\.$/)
    .waitFor();
  mute.send(Buffer.from([0x8a, 2, 0x68, 0x69]));
  await log(page).getByText("A pong that nobody asked for, “hi”.").waitFor();
  mute.send(Buffer.from([0x89, 0]));
  await log(page).getByText("The server pinged, empty; the client answered.").waitFor();
  mute.send(Buffer.from([0x88, 5, 0x0f, 0xa0, ...Buffer.from("bye")]));
  await page.locator("#trouble").getByText("mute closed the connection. Code 4000, “bye”.").waitFor();
});

test("it all fits a phone", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), addressOf(url, WASM, "name=" + "W".repeat(64)), PHONE);
  await connect(page);
  await page.getByRole("textbox", { name: "Payload" }).fill("w".repeat(125));
  await page.getByRole("button", { name: "Ping", exact: true }).tap();
  await frameOf(page, "Pong").getByRole("treeitem").first().waitFor();
  await page.getByText("One by one").tap();
  await checkWidth(page);
  await checkAxe(page);
});

/** A server that opens like any other and then says only what it is told to: it answers no ping. */
async function startMute(t) {
  const sockets = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    let head = "";
    socket.on("data", (bytes) => {
      if (head.endsWith("\r\n\r\n")) return;
      head += bytes.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      const key = /sec-websocket-key: *(\S+)/i.exec(head)[1];
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `ws://127.0.0.1:${server.address().port}/`, send: (bytes) => sockets.at(-1).write(bytes) };
}
