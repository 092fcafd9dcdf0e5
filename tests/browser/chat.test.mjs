// Chat rooms: two and three people talk, in browsers of their own, and nothing is lost, doubled or interpreted.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPage,
  openPageIn,
  openUser,
  openWire,
  PHONE,
  SERVER_GONE,
  startBrowser,
  startCable,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };

const addressOf = (url, room) => `${url}/chat${room === undefined ? "" : `?${new URLSearchParams({ room })}`}`;

const textField = (page) => page.getByRole("textbox", { name: "Message", exact: true });

/** A page in a room. */
async function come(t, url, room, name, { browser, ...options } = {}) {
  const page = await openPage(t, browser ?? (await startBrowser(t)), addressOf(url, room), {
    mayComplain: SERVER_GONE,
    ...options,
  });
  await page.getByLabel("Your name there").fill(name);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await textField(page).waitFor();
  return page;
}

async function say(page, words) {
  await textField(page).fill(words);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

const messages = (page) => page.getByRole("region", { name: "Messages" });

/** The messages as they are read out, in order. */
const said = (page) => messages(page).locator(".bubble-text").allTextContents();

/** Waits until the page shows exactly these, and the server has them all. */
async function shows(page, texts, options = {}) {
  await page
    .waitForFunction(
      (wanted) => {
        const bubbles = [...document.querySelectorAll(".bubble-text")].map(({ textContent }) => textContent);
        return JSON.stringify(bubbles) === wanted && !document.querySelector(".bubble-waiting");
      },
      JSON.stringify(texts),
      options,
    )
    .catch(async (error) => assert.deepEqual(await said(page), texts, error.message));
}

/** Waits until the page shows the last of these: of a long history it draws as much as there is to be seen. */
async function showsEnd(page, texts) {
  await page
    .waitForFunction((wanted) => {
      const bubbles = [...document.querySelectorAll(".bubble-text")].map(({ textContent }) => textContent);
      return bubbles.length >= 40 && JSON.stringify(bubbles) === JSON.stringify(wanted.slice(-bubbles.length));
    }, texts)
    .catch(async (error) => assert.deepEqual(await said(page), texts, error.message));
}

/** Waits until these are in the room. */
const holds = (page, names) =>
  page.waitForFunction((wanted) => {
    const names = [...document.querySelectorAll("#members bdi")].map(({ textContent }) => textContent);
    return JSON.stringify(names) === wanted;
  }, JSON.stringify(names));

/** What the server has of a room, as it tells somebody who comes now. */
async function history(t, url, room) {
  const wire = await openWire(t, url, "/chat");
  await wire.send({ type: "room-connect", roomId: room, name: "somebody who looks" });
  const { messages: found } = await wire.next(({ type }) => type === "room-connected");
  await wire.close();
  return found;
}

/** Somebody in a room who is no browser. */
async function visitor(t, url, room, name) {
  const wire = await openWire(t, url, "/chat");
  await wire.send({ type: "room-connect", roomId: room, name });
  await wire.next(({ type }) => type === "room-connected");
  return wire;
}

test("three people talk in a room, and whoever comes later reads it all", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await come(t, url, "kitchen", "ada");
  await ada.getByText("Nothing was said here yet").waitFor();
  const bob = await come(t, url, "kitchen", "Bob 🐻");
  await holds(ada, ["ada", "Bob 🐻"]);
  await holds(bob, ["ada", "Bob 🐻"]);
  const texts = [
    "Hello <b>all</b> &amp; <img src=x onerror=alert(1)>",
    "שלום, מה שלומך?",
    "two\nlines 👩‍👩‍👧",
    "see https://example.com/a?b=c&d=(e). ok",
    '"; DROP TABLE messages; --',
  ];
  for (const [place, words] of texts.entries()) {
    await say(place % 2 === 0 ? ada : bob, words);
    for (const page of [ada, bob]) await shows(page, texts.slice(0, place + 1));
  }
  const carol = await come(t, url, "kitchen", "carol");
  for (const page of [ada, bob, carol]) {
    await holds(page, ["ada", "Bob 🐻", "carol"]);
    await shows(page, texts);
  }
  const link = carol.getByRole("link", { name: "https://example.com/a?b=c&d=(e)" });
  assert.equal(await link.getAttribute("href"), "https://example.com/a?b=c&d=(e)");
  assert.match(await link.getAttribute("rel"), /noopener/);
  assert.equal(await messages(carol).locator("b, img").count(), 0);
  assert.equal(await messages(carol).getByText("שלום, מה שלומך?").getAttribute("dir"), "auto");
  assert.deepEqual(
    (await history(t, url, "kitchen")).map(({ sender, message }) => [sender, message]),
    texts.map((words, place) => [place % 2 === 0 ? "ada" : "Bob 🐻", words]),
  );

  // Another room is another conversation.
  await bob.getByRole("button", { name: "Leave" }).click();
  await holds(ada, ["ada", "carol"]);
  await bob.getByLabel("Room", { exact: true }).fill("cellar");
  await bob.getByRole("button", { name: "Join", exact: true }).click();
  await holds(bob, ["Bob 🐻"]);
  await say(ada, "he is gone");
  await say(bob, "alone here");
  await shows(bob, ["alone here"]);
  await shows(ada, [...texts, "he is gone"]);
  // The room one was in before is offered.
  await bob.getByRole("button", { name: "Leave" }).click();
  await bob.getByRole("button", { name: "kitchen" }).click();
  await shows(bob, [...texts, "he is gone"]);
  await carol.context().close();
  await holds(ada, ["ada", "Bob 🐻"]);
});

test("what is wrong is said beside its field, and what is too long below the text", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  await come(t, url, "kitchen", "ada", { browser });
  const page = await openPage(t, browser, addressOf(url), { mayComplain: SERVER_GONE });
  const [room, name, join] = [
    page.getByLabel("Room", { exact: true }),
    page.getByLabel("Your name there"),
    page.getByRole("button", { name: "Join", exact: true }),
  ];
  await join.click();
  await page.getByText("A room’s name is needed.").waitFor();
  await page.getByText("A name is needed.").waitFor();
  await room.fill("r".repeat(65));
  await name.fill("n".repeat(65));
  await join.click();
  await page.getByText("A room’s name has at most 64 characters; this one has 65.").waitFor();
  assert.equal(await name.getAttribute("aria-invalid"), "true");
  await room.fill("kitchen");
  await name.fill("ada");
  await join.click();
  await page
    .locator("#name-error")
    .getByText(/already/)
    .waitFor();
  assert.equal(await name.evaluate((field) => field === document.activeElement), true);
  await checkAxe(page, "with a field in trouble");
  // 64 characters of two units each are 64 characters.
  await name.fill("😀".repeat(64));
  await join.click();
  await holds(page, ["ada", "😀".repeat(64)]);
  await say(page, "x".repeat(64 * 1024 + 1));
  await page.getByText("A message has room for 64 KiB; this is 1 bytes too long.").waitFor();
  const long = "y".repeat(64 * 1024);
  await say(page, long);
  // Once it is stored it is another bubble, and folded again.
  const isStored = page.locator(".bubble:not(.bubble-waiting)");
  await isStored.getByRole("button", { name: "Show all 65,536 characters" }).click();
  await shows(page, [long]);
  assert.equal((await history(t, url, "kitchen"))[0].message.length, long.length);
});

test("a reload comes back to the room, a link leads into it, and a user brings their name", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const ada = await openUser(t, browser, url, "ada", { path: "/chat?room=a%20%2B%20b" });
  assert.equal(await ada.getByLabel("Room", { exact: true }).inputValue(), "a + b");
  await ada.waitForFunction(() => document.getElementById("name").value === "ada");
  await ada.getByRole("button", { name: "Join", exact: true }).click();
  for (const words of ["one", "two", "one"]) await say(ada, words);
  await shows(ada, ["one", "two", "one"]);
  assert.equal(new URL(ada.url()).searchParams.get("room"), "a + b");
  for (let round = 0; round < 3; round++) {
    await ada.reload();
    await shows(ada, ["one", "two", "one"]);
    await holds(ada, ["ada"]);
  }
  await ada.getByRole("button", { name: "Leave" }).click();
  await ada.reload();
  await ada.getByRole("button", { name: "Join", exact: true }).waitFor();
});

test("a phone talks, too", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const door = await openPage(t, browser, addressOf(url), PHONE);
  await checkWidth(door, "the door");
  await checkAxe(door, "the door");
  const page = await come(t, url, "kitchen-with-a-rather-long-name-that-does-not-fit-any-phone", "ada", {
    browser,
    ...PHONE,
  });
  const other = await visitor(t, url, "kitchen-with-a-rather-long-name-that-does-not-fit-any-phone", "b".repeat(64));
  await other.send({ type: "send-message", message: `https://example.com/${"long".repeat(60)}` });
  await other.send({ type: "send-message", message: "w".repeat(3000) });
  await messages(page).getByText("www").waitFor();
  await textField(page).fill("first line\nsecond line");
  await page.getByRole("button", { name: "Send", exact: true }).tap();
  await messages(page).getByText("second line").waitFor();
  await checkWidth(page, "the room");
  await checkAxe(page, "the room");
  await page.getByRole("button", { name: /2.people here/ }).tap();
  await page.getByRole("listitem").filter({ hasText: "ada (you)" }).waitFor();
  await checkAxe(page, "who is here");
});

test("ten thousand messages do not stop a page, nor the reader of old ones", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const wire = await visitor(t, url, "archive", "bob");
  for (let at = 0; at < 10_000; at += 500) {
    const part = Array.from({ length: 500 }, (_, place) => ({
      type: "send-message",
      message: `message ${at + place}`,
      id: `seed ${at + place}`,
    }));
    await wire.send(...part);
    await wire.next(({ type, id }) => type === "stored" && id === part.at(-1).id);
  }
  const page = await come(t, url, "archive", "ada");
  await messages(page).getByText("message 9999", { exact: true }).waitFor();
  assert.ok((await messages(page).getByRole("listitem").count()) < 300);
  // Upwards: more comes, and what was looked at stays.
  const scroller = messages(page);
  for (let step = 0; step < 12; step++) {
    await scroller.evaluate((element) => element.scrollTo(0, 0));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  const first = Number(/\d+/.exec((await said(page))[0])[0]);
  assert.ok(first < 9600, `the first is ${first}`);
  assert.ok((await messages(page).getByRole("listitem").count()) < 300);
  const top = (await said(page))[0];
  for (const words of ["news one", "news two"]) await wire.send({ type: "send-message", message: words });
  await page.getByRole("button", { name: /2.new messages/ }).waitFor();
  assert.equal((await said(page))[0], top, "who reads is left alone");
  await page.getByRole("button", { name: /2.new messages/ }).click();
  await messages(page).getByText("news two").waitFor();
  await page.getByRole("button", { name: /new messages|Newest/ }).waitFor({ state: "hidden" });
  // At the end, one stays there.
  await wire.send({ type: "send-message", message: "news three" });
  await messages(page).getByText("news three").waitFor();
  const below = await scroller.evaluate(
    ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight,
  );
  assert.ok(below < 50, `${below} pixels below`);
});

test("five hundred people fit into a room", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const names = Array.from({ length: 500 }, (_, place) => `person ${place} ${"and so on ".repeat(place % 6)}`.trim());
  for (const options of [{}, PHONE]) {
    const context = await newPerson(browser, options);
    await context.routeWebSocket("**/chat", (socket) =>
      socket.onMessage((text) => {
        const { type, roomId, name } = JSON.parse(text);
        const messages = names.map((sender) => ({ sender, message: `I am ${sender}` }));
        if (type === "room-connect")
          socket.send(JSON.stringify({ type: "room-connected", roomId, members: [...names, name], messages }));
      }),
    );
    const page = await openPageIn(t, context, addressOf(url, "hall"));
    await page.getByLabel("Your name there").fill("ada");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await messages(page).getByText("I am person 499").waitFor();
    const people = page.getByRole("button", { name: /501.people here/ });
    if (options === PHONE) await people.tap();
    await page.getByRole("listitem").filter({ hasText: "ada (you)" }).scrollIntoViewIfNeeded();
    await checkWidth(page);
    await checkAxe(page);
  }
});

test("a message that the network swallowed is stored once, and seen once", TIMEOUT, async (t) => {
  const cable = await startCable(t);
  const server = await startServer(t, ["--public-url", cable.url]);
  cable.to = server.port;
  const ada = await come(t, cable.url, "kitchen", "ada");
  const bob = await visitor(t, server.url, "kitchen", "bob");
  await say(ada, "ok");
  await shows(ada, ["ok"]);
  // It reaches the server, or not: the connection falls silent, and then is gone.
  cable.silence();
  await say(ada, "ok");
  await messages(ada).locator(".bubble-waiting").waitFor();
  cable.cut();
  await ada.getByText("The connection was lost.").waitFor();
  await say(ada, "ok");
  await say(ada, "still here");
  await bob.send({ type: "send-message", message: "where are you?" });
  cable.mend();
  await tryNow(ada);
  await messages(ada).getByText("where are you?").waitFor();
  await ada.waitForFunction(() => !document.querySelector(".bubble-waiting"));
  const stored = await history(t, server.url, "kitchen");
  const count = (words) => stored.filter(({ message }) => message === words).length;
  assert.deepEqual([stored.length, count("ok"), count("still here"), count("where are you?")], [5, 3, 1, 1]);
  assert.equal((await said(ada)).length, 5, "each is shown once");
  await ada.reload();
  await shows(
    ada,
    stored.map(({ message }) => message),
  );
});

test("a name that the lost connection still holds is waited for", TIMEOUT, async (t) => {
  const cable = await startCable(t);
  const server = await startServer(t, ["--public-url", cable.url]);
  cable.to = server.port;
  const ada = await come(t, cable.url, "kitchen", "ada");
  await say(ada, "before");
  await shows(ada, ["before"]);
  cable.strand();
  await ada.getByText(/The server still holds your place/).waitFor();
  await checkAxe(ada, "waiting for a name");
  await say(ada, "meanwhile");
  await messages(ada).locator(".bubble-waiting").waitFor();
  cable.release();
  // It asks at intervals that grow to a quarter of a minute.
  await shows(ada, ["before", "meanwhile"], { timeout: 40_000 });
  await ada.getByText(/The server still holds your place/).waitFor({ state: "hidden" });
  assert.deepEqual(
    (await history(t, server.url, "kitchen")).map(({ message }) => message),
    ["before", "meanwhile"],
  );

  // Whoever does not want to wait takes another name, and what was written goes with them.
  cable.strand();
  await say(ada, "it takes too long");
  await ada.getByRole("button", { name: "Take another name" }).click();
  await ada.getByLabel("Your name there").fill("ada again");
  await ada.getByRole("button", { name: "Join", exact: true }).click();
  await shows(ada, ["before", "meanwhile", "it takes too long"]);
  const last = (await history(t, server.url, "kitchen")).at(-1);
  assert.deepEqual(last, { sender: "ada again", message: "it takes too long" });
});

test("a server killed while people write loses nothing that was shown", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const { url } = server;
  const names = ["ada", "bob", "carol"];
  const pages = [];
  for (const name of names) pages.push(await come(t, url, "kitchen", name));
  const seen = [];
  for (let round = 0; round < 2; round++) {
    const watcher = await visitor(t, url, "kitchen", "watcher");
    const writing = pages.map(async (page, place) => {
      for (let line = 0; line < 15; line++) await say(page, `${names[place]} ${round} ${line}`);
    });
    for (let count = 0; count < 12; count++) seen.push(await watcher.next(({ type }) => type === "receive-message"));
    await server.kill9();
    seen.push(...watcher.drain().filter(({ type }) => type === "receive-message"));
    await Promise.all(writing);
    await server.restart();
    for (const page of pages) {
      await tryNow(page);
      await page.waitForFunction(
        () => !document.querySelector(".bubble-waiting") && !document.querySelector(".banner"),
      );
    }
  }
  const texts = (await history(t, url, "kitchen")).map(({ message }) => message);
  const written = names.flatMap((name) =>
    [0, 1].flatMap((round) => Array.from({ length: 15 }, (_, line) => `${name} ${round} ${line}`)),
  );
  assert.deepEqual([...texts].sort(), [...written].sort(), "each once");
  for (const name of names) {
    const ours = texts.filter((words) => words.startsWith(name));
    assert.deepEqual(
      ours,
      written.filter((words) => words.startsWith(name)),
      "in the order of writing",
    );
  }
  for (const { message } of seen) assert.ok(texts.includes(message), "what was shown is there");
  for (const page of pages) {
    // What the others wrote last may have been stored a moment before it is shown here.
    await page.waitForFunction((count) => document.querySelectorAll(".bubble-text").length >= count, texts.length);
    assert.equal(new Set(await said(page)).size, texts.length, "each is shown once");
    assert.equal((await said(page)).length, texts.length);
    await page.reload();
    await showsEnd(page, texts);
  }
  await pages[0].waitForFunction(() => document.querySelectorAll("#members bdi").length === 3);
});
