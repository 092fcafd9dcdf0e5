// The page's own client beside the browser's, and the reference server beside ours: all four pairs talk, the two with our
// client ping, and none loses anything when the server dies or the network is slow.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start as startReference } from "../reference/server.mjs";
import {
  newPerson,
  openPageIn,
  openWire,
  SERVER_GONE,
  startBrowser,
  startCable,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };
const SERVERS = ["Framescope", "reference"];
const CLIENTS = ["wasm", "browser"];

/** Our server and the reference, of which ours knows. */
async function startBoth(t, flags = []) {
  const reference = await startReference({ port: 0, compression: true });
  t.after(() => reference.close());
  return startServer(t, ["--tunnel-to", `reference=${reference.url}`, ...flags]);
}

/** A page with this server and client chosen, and where its WebSockets went. */
async function choose(t, browser, url, path, { mayComplain, ...query }) {
  const context = await newPerson(browser);
  const went = [];
  context.on("page", (page) => page.on("websocket", (webSocket) => went.push(webSocket.url())));
  const page = await openPageIn(t, context, `${url}${path}?${new URLSearchParams(query)}`, { mayComplain });
  assert.equal(await page.getByLabel("Server").locator("option:checked").textContent(), query.server);
  return { page, went };
}

/** Somebody in a room. */
async function come(t, browser, url, { room = "kitchen", name, server = "Framescope", client, mayComplain }) {
  const { page, went } = await choose(t, browser, url, "/chat", { room, name, server, client, mayComplain });
  await page.getByLabel("Your name there").fill(name);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await textField(page).waitFor();
  // Our client has no way but the tunnel, and the browser's own none through it.
  assert.ok(
    went.length > 0 && went.every((address) => address.includes("/tunnel?to=") === (client === "wasm")),
    went.join(),
  );
  return page;
}

const textField = (page) => page.getByRole("textbox", { name: "Message", exact: true });

async function say(page, words) {
  await textField(page).fill(words);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

const bubbles = (page) => page.locator(".bubble-text");
const said = (page) => bubbles(page).allTextContents();

/** Waits until the page shows exactly these, and the server has them all. */
async function shows(page, texts) {
  await page
    .waitForFunction((wanted) => {
      const bubbles = [...document.querySelectorAll(".bubble-text")].map(({ textContent }) => textContent);
      return JSON.stringify(bubbles) === wanted && !document.querySelector(".bubble-waiting");
    }, JSON.stringify(texts))
    .catch(async (error) => assert.deepEqual(await said(page), texts, error.message));
}

for (const server of SERVERS) {
  test(`${server}: two with each of the clients talk`, TIMEOUT, async (t) => {
    const { url } = await startBoth(t);
    const browser = await startBrowser(t);
    const pages = [];
    for (const client of [...CLIENTS, ...CLIENTS]) {
      pages.push(await come(t, browser, url, { name: `${client} ${pages.length}`, server, client }));
    }
    const texts = [];
    for (const [place, page] of pages.entries()) {
      const words = `from ${place}: <b>שלום</b> 👩‍👩‍👧 ${"long ".repeat(place * 4000)}`.trim();
      await say(page, words);
      texts.push(words);
      // In step, so that there is one order.
      for (const other of pages) await bubbles(other).getByText(`from ${place}:`).waitFor();
    }
    for (const page of pages) {
      // Others may hear of a message before its writer hears that it is stored.
      await page.waitForFunction(() => !document.querySelector(".bubble-waiting"));
      assert.equal((await said(page)).length, texts.length);
    }
    // Whoever leaves is gone for all the others, by whichever client.
    for (const page of pages.splice(0, 2)) await page.close();
    for (const page of pages) await page.waitForFunction(() => document.querySelectorAll("#members bdi").length === 2);
  });
}

for (const server of SERVERS) {
  test(`${server}: a page pings with our client, and says why it cannot with the browser's`, TIMEOUT, async (t) => {
    const delay = 30;
    const cable = await startCable(t, { rate: 1 << 20, delay });
    const { port } = await startBoth(t, ["--public-url", cable.url]);
    cable.to = port;
    const browser = await startBrowser(t);
    const { page, went } = await choose(t, browser, cable.url, "/ping-pong", {
      server,
      client: "wasm",
      mayComplain: SERVER_GONE,
    });
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    for (const payload of ["", "Hello", "é".repeat(62)]) {
      await page.getByLabel("Payload", { exact: true }).fill(payload);
      await page.getByRole("button", { name: "Ping", exact: true }).click();
    }
    const cell = (id) => page.locator(`#${id}`).textContent();
    await page.waitForFunction(() => document.getElementById("answered")?.textContent === "3");
    assert.deepEqual([await cell("sent"), await cell("unanswered")], ["3", "0"]);
    // The way there and back, and not much else.
    const trip = Number(/^([\d.]+)\s*ms$/.exec(await cell("fastest"))[1]);
    assert.ok(trip >= 2 * delay && trip < 2 * delay + 1000, `${trip} ms`);
    assert.ok(went.length === 1 && went[0].includes("/tunnel?to="), went.join());

    const plain = await choose(t, browser, cable.url, "/ping-pong", {
      server,
      client: "browser",
      mayComplain: SERVER_GONE,
    });
    await plain.page.getByText("A browser’s own client cannot ping.").waitFor();
  });
}

test(
  "a page that killing the server leaves behind comes back on its own client, and nothing is lost",
  TIMEOUT,
  async (t) => {
    const server = await startStoringServer(t);
    const browser = await startBrowser(t);
    const pages = [];
    for (const client of CLIENTS) {
      pages.push(await come(t, browser, server.url, { name: client, client, mayComplain: SERVER_GONE }));
    }
    for (let round = 0; round < 3; round++) {
      const writing = pages.map(async (page, place) => {
        for (let line = 0; line < 10; line++) await say(page, `${CLIENTS[place]} ${round} ${line}`);
      });
      await bubbles(pages[1]).getByText(`wasm ${round} 3`).waitFor();
      await server.kill9();
      await Promise.all(writing);
      await server.restart();
      for (const page of pages) {
        // It may have come back before it could be asked to.
        await tryNow(page);
        await page.waitForFunction(
          () => !document.querySelector(".bubble-waiting") && !document.querySelector(".banner"),
        );
      }
    }
    const wire = await openWire(t, server.url, "/chat");
    await wire.send({ type: "room-connect", roomId: "kitchen", name: "somebody who looks" });
    const { messages } = await wire.next(({ type }) => type === "room-connected");
    for (const client of CLIENTS) {
      assert.deepEqual(
        messages.filter(({ sender }) => sender === client).map(({ message }) => message),
        [0, 1, 2].flatMap((round) => Array.from({ length: 10 }, (_, line) => `${client} ${round} ${line}`)),
        "each once, in the order of writing",
      );
    }
    for (const page of pages) {
      await page.reload();
      await shows(
        page,
        messages.map(({ message }) => message),
      );
    }
  },
);

test("on a slow network all arrives, in its order", TIMEOUT, async (t) => {
  const cable = await startCable(t, { rate: 256 << 10, delay: 20 });
  const server = await startServer(t, ["--public-url", cable.url]);
  cable.to = server.port;
  const browser = await startBrowser(t);
  // One is far away, the other is not.
  const far = await come(t, browser, cable.url, { name: "far", client: "wasm" });
  const wire = await openWire(t, server.url, "/chat");
  await wire.send({ type: "room-connect", roomId: "kitchen", name: "near" });
  await wire.next(({ type }) => type === "room-connected");
  const long = (letter) => letter.repeat(60_000);
  for (const letter of "abcd") await say(far, long(letter));
  for (const letter of "abcd") {
    const { message } = await wire.next(({ type }) => type === "receive-message");
    assert.equal(message, long(letter));
  }
  // Ahead of a megabyte that comes the other way, nothing that is said here is held up for long.
  for (let part = 0; part < 16; part++) await wire.send({ type: "send-message", message: `${part} ${long("x")}` });
  await say(far, "meanwhile");
  await wire.next(({ message }) => message === "meanwhile");
  await bubbles(far).getByText(/^15 x/).waitFor();
  const starts = (await said(far)).map((text) => text.slice(0, 3).trim());
  const theirs = starts.filter((text) => /^\d/.test(text));
  assert.deepEqual(
    theirs,
    Array.from({ length: 16 }, (_, part) => `${part} x`.slice(0, 3).trim()).slice(-theirs.length),
  );
});
