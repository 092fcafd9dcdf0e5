// Direct messages between people in browsers of their own.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPageIn,
  openUser,
  openWire,
  PHONE,
  register,
  SERVER_GONE,
  seedDirect,
  sessionOf,
  signIn,
  startBrowser,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };
const PATH = "/direct-messaging";

/** What somebody wrote, as the page shows it. */
const bubbles = (page) => page.locator("#thread .bubble-text");
const bubble = (page, text) => bubbles(page).filter({ hasText: text });
const person = (page, name) => page.getByRole("navigation", { name: "People" }).getByRole("link", { name });

async function write(page, to, text) {
  await page.getByLabel(`Message to ${to}`).fill(text);
  await page.keyboard.press("Enter");
}

/** Resolves when everything in the conversation is stored. */
async function allStored(page) {
  await page.locator("#thread .bubble-waiting").first().waitFor({ state: "detached" });
}

/** Waits until the page is called this. What was looked at counts as read once the server has told all of it. */
const isCalled = (page, title) => page.waitForFunction((wanted) => document.title === wanted, title);

/** Another tab of somebody who is signed in. */
const openTab = (t, page, path) => openPageIn(t, page.context(), new URL(path, page.url()).href);

test("a message reaches every tab of both, and nobody else", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  for (const name of ["Bob", "Carol"]) await register(url, name);
  const ada = await openUser(t, await startBrowser(t), url, "Ada", { path: `${PATH}?with=bob` });
  const adaToo = await openTab(t, ada, `${PATH}?with=Bob`);
  const bobs = await newPerson(await startBrowser(t));
  await signIn(bobs, url, "Bob");
  const bob = await openPageIn(t, bobs, `${url}${PATH}?with=Ada`);
  const bobToo = await openPageIn(t, bobs, url + PATH);
  const carol = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, "Carol") });
  const guest = await openWire(t, url);
  for (const page of [ada, adaToo, bob]) await page.getByText("No messages yet").waitFor();
  await person(bobToo, "Ada").waitFor();

  await write(ada, "Bob", "Hello, Bob");
  for (const page of [ada, adaToo, bob]) await bubble(page, "Hello, Bob").waitFor();
  await person(bobToo, /Ada Hello, Bob.*online/).waitFor();
  await write(bob, "Ada", "Hello, Ada");
  for (const page of [ada, adaToo, bob]) await bubble(page, "Hello, Ada").waitFor();
  await allStored(ada);
  for (const page of [ada, adaToo, bob])
    assert.deepEqual(await bubbles(page).allInnerTexts(), ["Hello, Bob", "Hello, Ada"]);

  // Whatever had been on its way to the other two would be there before the answer to this.
  for (const wire of [carol, guest]) {
    await wire.send({ messageType: "echo_client", text: "done" });
    const kinds = [];
    await wire.next(({ messageType }) => kinds.push(messageType) && messageType === "echo_server");
    assert.ok(!kinds.includes("direct_message"), kinds.join());
  }
});

test("a text is a text, whatever is in it", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "Bob");
  const ada = await openUser(t, await startBrowser(t), url, "Ada", { path: `${PATH}?with=Bob` });
  const markup = `<img src=x onerror="document.title='taken'"><b>bold</b> &amp; "quotes" 'too'`;
  await write(ada, "Bob", markup);
  await bubble(ada, markup).waitFor();
  assert.equal(await ada.locator("#thread img, #thread b").count(), 0);
  await write(ada, "Bob", "look: https://example.org/a?b=c&d=e, and javascript:alert(1)");
  const links = ada.locator("#thread a");
  await links.first().waitFor();
  assert.equal(await links.count(), 1);
  assert.equal(await links.getAttribute("href"), "https://example.org/a?b=c&d=e");
  assert.match(await links.getAttribute("rel"), /noopener/);
  await write(ada, "Bob", "שלום לכולם");
  const hebrew = bubble(ada, "שלום לכולם");
  await hebrew.waitFor();
  await allStored(ada);
  assert.equal(await hebrew.evaluate((element) => getComputedStyle(element).direction), "rtl");
  await ada.getByLabel("Message to Bob").fill("👩‍👩‍👧 first");
  await ada.keyboard.press("Shift+Enter");
  await ada.keyboard.type("second");
  await ada.keyboard.press("Enter");
  await bubble(ada, "second").waitFor();
  assert.equal(await bubbles(ada).last().textContent(), "👩‍👩‍👧 first\nsecond");

  // To the limit and one beyond it.
  await write(ada, "Bob", "é".repeat(32 * 1024));
  // Once it is stored it is another bubble, and folded again.
  const isStored = ada.locator(".bubble:not(.bubble-waiting)");
  await isStored.getByRole("button", { name: "Show all 32,768 characters" }).click();
  assert.equal((await bubbles(ada).last().textContent()).length, 32 * 1024);
  await write(ada, "Bob", `${"é".repeat(32 * 1024)}!`);
  await ada.getByRole("alert").filter({ hasText: "1 bytes too long" }).waitFor();
  await allStored(ada);
  assert.equal(await bubbles(ada).count(), 5);
  await ada.getByLabel("Message to Bob").fill("");

  // To oneself, once.
  await person(ada, "Ada (you)").click();
  await write(ada, "Ada", "remember the milk");
  await bubble(ada, "remember the milk").waitFor();
  await allStored(ada);
  assert.equal(await bubbles(ada).count(), 1);
  await ada.reload();
  await bubble(ada, "remember the milk").waitFor();
  assert.equal(await bubbles(ada).count(), 1);
});

test("what was not looked at stays unread over a reload, and a draft stays where it was begun", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  for (const name of ["Bob", "Carol"]) await register(url, name);
  const ada = await openUser(t, await startBrowser(t), url, "Ada", { path: PATH });
  await person(ada, "Bob").waitFor();
  await seedDirect(t, url, "Bob", "Ada", ["one", "two"]);
  await seedDirect(t, url, "Carol", "Ada", ["three"]);
  await person(ada, /Carol three.* 1 unread/).waitFor();
  await person(ada, /Bob two.* 2 unread/).waitFor();
  await isCalled(ada, "(3) Messages · Framescope");
  await ada.reload();
  await person(ada, /Bob two.* 2 unread/).waitFor();
  await person(ada, /Carol three.* 1 unread/).waitFor();
  // Who wrote last is first.
  assert.match(await person(ada, /./).first().textContent(), /Carol/);

  await person(ada, /^Bob/).click();
  await bubble(ada, "two").waitFor();
  await isCalled(ada, "(1) Bob · Framescope");
  await ada.getByLabel("Message to Bob").fill("half a tho");
  await person(ada, /Carol/).click();
  await bubble(ada, "three").waitFor();
  assert.equal(await ada.getByLabel("Message to Carol").inputValue(), "");
  await isCalled(ada, "Carol · Framescope");
  await person(ada, /Bob/).click();
  assert.equal(await ada.getByLabel("Message to Bob").inputValue(), "half a tho");
  await ada.goBack();
  await ada.getByLabel("Message to Carol").waitFor();
  await ada.reload();
  await bubble(ada, "three").waitFor();
  await person(ada, /Bob/).click();
  assert.equal(await ada.getByLabel("Message to Bob").inputValue(), "half a tho");
  await bubble(ada, "two").waitFor();
  await isCalled(ada, "Bob · Framescope");
  assert.equal(await ada.getByText("unread").count(), 0);

  // Looked at in one tab, known in the other.
  const adaToo = await openTab(t, ada, PATH);
  await person(adaToo, "Carol").waitFor();
  const bob = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, "Bob") });
  await bob.send({ messageType: "direct_message", targetUser: "Ada", text: "four" });
  await bubble(ada, "four").waitFor();
  await person(adaToo, /Bob four/).waitFor();
  await isCalled(adaToo, "Messages · Framescope");
  // And known there before the messages themselves have come.
  await ada.close();
  await adaToo.evaluate(() => {
    const key = Object.keys(localStorage).find((it) => /^framescope\.direct \d+ Bob$/.test(it));
    const [read, head, activeAt] = JSON.parse(localStorage.getItem(key));
    dispatchEvent(new StorageEvent("storage", { key, newValue: JSON.stringify([read + 2, head + 2, activeAt]) }));
  });
  for (const text of ["five", "six"]) {
    await bob.send({ messageType: "direct_message", targetUser: "Ada", text });
    await person(adaToo, new RegExp(`Bob ${text}`)).waitFor();
    assert.equal(await adaToo.title(), "Messages · Framescope");
  }
});

test("a long conversation is there from its end to its beginning", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "Bob");
  await register(url, "Ada");
  const count = 2_000;
  await seedDirect(
    t,
    url,
    "Bob",
    "Ada",
    Array.from({ length: count }, (_, place) => `number ${place}. ${"word ".repeat(place % 30)}`),
  );
  const context = await newPerson(await startBrowser(t));
  await signIn(context, url, "Ada");
  const ada = await openPageIn(t, context, `${url}${PATH}?with=Bob`);
  await bubble(ada, `number ${count - 1}.`).waitFor();
  // As somebody does who holds the key: whatever has come by then is scrolled through.
  await ada.locator("#scroller").focus();
  const first = bubble(ada, "number 0.");
  const patience = AbortSignal.timeout(90_000);
  while ((await first.count()) === 0) {
    assert.ok(!patience.aborted, "the beginning never came");
    await ada.keyboard.press("Home");
  }
  assert.ok((await bubbles(ada).count()) < 300, "all of it is in the page");
  const shown = async () => (await bubbles(ada).allInnerTexts()).map((text) => Number(/number (\d+)/.exec(text)[1]));
  const numbers = await shown();
  assert.deepEqual(
    numbers,
    numbers.map((_, place) => place),
  );
  // What comes in meanwhile does not move what is looked at.
  const bob = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, "Bob") });
  await bob.send({ messageType: "direct_message", targetUser: "Ada", text: "and one more" });
  await ada.getByRole("button", { name: /1.new message/ }).click();
  await bubble(ada, "and one more").waitFor();
});

test("what is written while the server is dead arrives when it is back, once and in order", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const { url } = server;
  await register(url, "Bob");
  const mayComplain = SERVER_GONE;
  const ada = await openUser(t, await startBrowser(t), url, "Ada", { path: `${PATH}?with=Bob`, mayComplain });
  const bobs = await newPerson(await startBrowser(t));
  await signIn(bobs, url, "Bob");
  const bob = await openPageIn(t, bobs, `${url}${PATH}?with=Ada`, { mayComplain });
  await write(ada, "Bob", "before");
  await bubble(bob, "before").waitFor();
  await server.kill9();
  await ada.getByRole("button", { name: "Try now" }).waitFor();
  await write(ada, "Bob", "while 1");
  await write(ada, "Bob", "while 2");
  assert.equal(await ada.getByText("on its way").count(), 2);
  await server.restart();
  for (const page of [ada, bob]) {
    await tryNow(page);
  }
  await bubble(bob, "while 2").waitFor();
  await allStored(ada);
  await write(ada, "Bob", "after");
  await bubble(bob, "after").waitFor();
  await allStored(ada);
  for (const page of [ada, bob])
    assert.deepEqual(await bubbles(page).allInnerTexts(), ["before", "while 1", "while 2", "after"]);
  await ada.reload();
  await bubble(ada, "after").waitFor();
  assert.deepEqual(await bubbles(ada).allInnerTexts(), ["before", "while 1", "while 2", "after"]);
});

test("guests sign in first, and come back to whom they wanted to write", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "Ada");
  await register(url, "Bob");
  const context = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, context, `${url}${PATH}?with=Bob`);
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Message to Bob").waitFor();
  await page.goto(`${url}${PATH}?with=Nobody.There`);
  await page.getByText("There is nobody called “Nobody.There”.").waitFor();
});

test("on a phone there is one pane at a time, and nothing is too wide", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const ada = await openUser(t, browser, url, "Ada", { path: PATH, ...PHONE });
  await ada.getByText("Nobody else is registered yet").waitFor();
  await checkAxe(ada, "nobody");
  const long = "A_name-of.thirty-two.characters_";
  await register(url, long);
  await seedDirect(t, url, long, "Ada", ["wide".repeat(300), "hi"]);
  await person(ada, /2 unread/).tap();
  await bubble(ada, "hi").waitFor();
  assert.equal(await ada.getByLabel("Search people").isVisible(), false);
  await checkWidth(ada, "conversation");
  await ada.getByLabel(`Message to ${long}`).fill("Hello");
  await ada.getByRole("button", { name: "Send" }).tap();
  await bubble(ada, "Hello").waitFor();
  await checkAxe(ada, "conversation");
  await ada.getByRole("link", { name: "People" }).tap();
  await ada.getByLabel("Search people").fill("THIRTY");
  await checkWidth(ada, "list");
  await checkAxe(ada, "list");
  assert.equal(await person(ada, /./).count(), 1);
  await ada.getByLabel("Search people").fill("zz");
  await ada.getByText("Nobody’s name has “zz” in it.").waitFor();
  await ada.getByRole("button", { name: "Show everybody" }).tap();
  assert.equal(await person(ada, /./).count(), 2);
});
