// Which server, by which client: what is chosen, what a link chooses, and what becomes of what waits to be sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start as startReference } from "../reference/server.mjs";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPageIn,
  PHONE,
  SERVER_GONE,
  startBrowser,
  startServer,
  startStoringServer,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

const chooser = (page, name) => page.getByRole("combobox", { name });

const optionsOf = (page, name) => chooser(page, name).getByRole("option").allTextContents();

/** A reference server, and flags with which ours lets pages reach it. */
async function reference(t) {
  const server = await startReference({ port: 0 });
  t.after(() => server.close());
  return { server, flags: ["--tunnel-to", `reference=${server.url}`] };
}

async function say(page, words) {
  await page.getByRole("textbox", { name: "Message", exact: true }).fill(words);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

/** Waits until the page shows exactly these, and the server has them all. */
const shows = (page, texts) =>
  page.waitForFunction((wanted) => {
    const bubbles = [...document.querySelectorAll(".bubble-text")].map(({ textContent }) => textContent);
    return JSON.stringify(bubbles) === wanted && !document.querySelector(".bubble-waiting");
  }, JSON.stringify(texts));

async function choose(page, name, option) {
  const button = page.getByRole("button", { name: "Server and client" });
  if ((await button.isVisible()) && !(await chooser(page, name).isVisible())) await button.click();
  await chooser(page, name).selectOption(option);
}

test("a link makes the choice, and what was chosen is remembered, page by page", TIMEOUT, async (t) => {
  const { flags } = await reference(t);
  const { url } = await startServer(t, flags);
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, `${url}/chat`);
  await page.getByText("The browser’s own WebSocket, to this server.").waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#server option").length === 2);
  assert.deepEqual(await optionsOf(page, "Server"), ["Framescope", "reference"]);
  assert.deepEqual(await optionsOf(page, "Client"), ["Framescope client (wasm)", "browser"]);
  await choose(page, "Server", "reference");
  await choose(page, "Client", "wasm");
  await page.getByText(/^A whole client in this page, .* through this server’s tunnel, to ws:/).waitFor();
  assert.equal(new URL(page.url()).search, "?server=reference&client=wasm");
  await page.goto(`${url}/chat`);
  assert.deepEqual(
    [await chooser(page, "Server").inputValue(), await chooser(page, "Client").inputValue()],
    ["reference", "wasm"],
  );
  // A link to a room is to a room of ours, if it does not say of whose.
  await page.goto(`${url}/chat?room=kitchen&name=ada`);
  assert.equal(await chooser(page, "Server").inputValue(), "Framescope");
  assert.equal(await page.getByLabel("Your name there").inputValue(), "ada");
  await page.goto(`${url}/ping-pong`);
  assert.equal(await chooser(page, "Server").inputValue(), "Framescope");
  await page.goto(`${url}/chat?server=elsewhere`);
  await page.getByText("No server here is called “elsewhere”.").waitFor();
  assert.equal(await chooser(page, "Server").inputValue(), "elsewhere");
  await page.getByLabel("Room", { exact: true }).fill("kitchen");
  await page.getByLabel("Your name there").fill("ada");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page
    .locator("#banner")
    .getByText(/“elsewhere” is not on the list of servers/)
    .waitFor();
  await page.getByText("Waiting for elsewhere …").waitFor();
  await checkAxe(page);
});

test("another client takes over what waits to be sent", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, `${server.url}/chat?room=kitchen&name=ada&client=browser`, {
    mayComplain: SERVER_GONE,
  });
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await say(page, "one");
  await shows(page, ["one"]);
  await choose(page, "Client", "wasm");
  await say(page, "two");
  await shows(page, ["one", "two"]);
  await server.kill9();
  await page.locator("#banner").getByText("Try now").waitFor();
  await say(page, "three");
  await choose(page, "Client", "browser");
  await say(page, "four");
  await server.restart();
  await shows(page, ["one", "two", "three", "four"]);
  await page.reload();
  await shows(page, ["one", "two", "three", "four"]);
});

test("another server is another house: what waits for one is not sent to the other", TIMEOUT, async (t) => {
  const { server: other, flags } = await reference(t);
  const server = await startStoringServer(t, flags);
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, `${server.url}/chat?room=kitchen&name=ada&client=browser`, {
    mayComplain: SERVER_GONE,
  });
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await say(page, "to Framescope");
  await shows(page, ["to Framescope"]);
  await server.kill9();
  await page.locator("#banner").getByText("Try now").waitFor();
  await say(page, "waits for Framescope");
  await choose(page, "Server", "reference");
  await page.getByRole("heading", { name: "Chat rooms" }).waitFor();
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByText("Nothing was said here yet").waitFor();
  await say(page, "to reference");
  await shows(page, ["to reference"]);
  assert.equal(new URL(page.url()).searchParams.get("server"), "reference");
  await choose(page, "Server", "Framescope");
  await page.getByText("Waiting for the server …").waitFor();
  await server.restart();
  await shows(page, ["to Framescope", "waits for Framescope"]);
  // And back again, into the room that one was in there.
  await choose(page, "Server", "reference");
  await shows(page, ["to reference"]);
  await other.close();
  await page
    .locator("#banner")
    .getByText(/reference|lost/)
    .waitFor();
});

test("the module is loaded where it is used, and weighs little", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t));
  for (const [path, isWanted] of [
    ["/ping-pong?client=browser", false],
    ["/chat?client=browser&room=kitchen&name=ada", false],
    ["/chat?client=wasm&room=cellar&name=ada", true],
    ["/ping-pong?client=wasm", true],
  ]) {
    const page = await openPageIn(t, context, "about:blank");
    const chromium = await context.newCDPSession(page);
    await chromium.send("Network.enable");
    await chromium.send("Network.setCacheDisabled", { cacheDisabled: true });
    let weight = 0;
    const addresses = [];
    chromium.on("Network.loadingFinished", ({ encodedDataLength }) => {
      weight += encodedDataLength;
    });
    page.on("request", (request) => addresses.push(request.url()));
    await page.goto(url + path);
    await page.getByRole("button", { name: /^(Connect|Join)$/ }).click();
    await page.getByRole("button", { name: /^(Disconnect|Leave)$/ }).waitFor();
    if (path.startsWith("/ping-pong")) await page.getByText("Connected to Framescope", { exact: true }).waitFor();
    assert.equal(
      addresses.some((address) => address.endsWith(".wasm")),
      isWanted,
      path,
    );
    assert.ok(weight < (isWanted ? 300_000 : 120_000), `${path}: ${weight} bytes`);
    await page.close();
  }
});

test("the choosers fit a phone, at the door and in a room", TIMEOUT, async (t) => {
  const { url } = await startServer(t, ["--tunnel-to", `${"a-server-with-".repeat(2)}=ws://127.0.0.1:9/`]);
  const context = await newPerson(await startBrowser(t), PHONE);
  const page = await openPageIn(t, context, `${url}/chat?room=${"kitchen".repeat(9)}&name=ada`);
  await page.waitForFunction(() => document.querySelectorAll("#server option").length === 2);
  await checkWidth(page, "the door");
  await page.getByRole("button", { name: "Join", exact: true }).tap();
  await page.getByRole("button", { name: "Server and client" }).tap();
  await chooser(page, "Server").waitFor();
  await checkWidth(page, "the room");
  await checkAxe(page, "the room");
});
