// Accounts as people meet them: registering, signing in and out, the account page; and each way in which that can go wrong.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPage,
  openPageIn,
  openUser,
  PASSWORD,
  PHONE,
  register,
  SERVER_GONE,
  signIn,
  startBrowser,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

/** Chromium notes each answer of 400 and more on the console. */
const REFUSED = /the server responded with a status of (400|401|403|404|429|503)/;

const name = (page) => page.getByRole("textbox", { name: "Name", exact: true });
const password = (page, label = "Password") => page.getByLabel(label, { exact: true });
const button = (page, label) => page.getByRole("button", { name: label, exact: true });
const account = (page) => page.getByRole("navigation", { name: "Account" });

async function fill(page, who, secret, label) {
  await name(page).fill(who);
  await password(page).fill(secret);
  await button(page, label).click();
}

/** Fails unless `field` is marked as wrong, has the focus, and is described by `words`. */
async function isBlamed(page, field, words) {
  await page.getByRole("alert").filter({ hasText: words }).waitFor();
  const found = await field.evaluate((input) => ({
    invalid: input.getAttribute("aria-invalid"),
    isFocused: document.activeElement === input,
    description: (input.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" "),
  }));
  assert.equal(found.invalid, "true");
  assert.ok(found.isFocused, "the focus is at the field");
  assert.match(found.description, words);
}

test("register, be signed in, sign out, sign in again and come back to where one was", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/test-websocket`);
  await account(page).getByRole("link", { name: "Register" }).click();
  await fill(page, "Ada", PASSWORD, "Register");
  await page.waitForURL(`${url}/test-websocket`);
  await account(page).getByRole("link", { name: "Ada" }).waitFor();

  await account(page).getByRole("link", { name: "Sign out" }).click();
  await page.waitForURL(`${url}/`);
  await account(page).getByRole("link", { name: "Sign in" }).waitFor();
  await page.goto(`${url}/account`);
  await page.waitForURL(`${url}/login?next=%2Faccount`);
  await page.getByText("To go on to your account, say who you are.").waitFor();
  await fill(page, "ada", PASSWORD, "Sign in");
  await page.waitForURL(`${url}/account`);
  await page.getByRole("heading", { name: "Ada", level: 1 }).waitFor();

  // Who is signed in already is told so, and need not be.
  await page.goto(`${url}/login`);
  await page.getByRole("status").filter({ hasText: "You are signed in as Ada." }).waitFor();
});

test("what is wrong stands beside the field it is about, and the focus is there", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "taken");
  const page = await openPage(t, await startBrowser(t), `${url}/register`, { mayComplain: REFUSED });
  await button(page, "Register").click();
  await isBlamed(page, name(page), /A name is needed/);
  await fill(page, "with space", PASSWORD, "Register");
  await isBlamed(page, name(page), /made of A–Z/);
  await fill(page, "x".repeat(33), PASSWORD, "Register");
  await isBlamed(page, name(page), /at most 32 characters; this one has 33/);
  await fill(page, "fresh", "1234567", "Register");
  await isBlamed(page, password(page), /at least 8/);
  await fill(page, "fresh", "ä".repeat(129), "Register");
  await isBlamed(page, password(page), /at most 256 bytes; this one has 258/);
  await fill(page, "TAKEN", PASSWORD, "Register");
  await isBlamed(page, name(page), /taken/i);
  assert.equal(await password(page).inputValue(), PASSWORD, "what was typed is still there");

  await page.goto(`${url}/login`);
  await button(page, "Sign in").click();
  await isBlamed(page, name(page), /Which name/);
  await fill(page, "taken", "not the password", "Sign in");
  await isBlamed(page, password(page), /\w/);
  const known = await page.getByRole("alert").allTextContents();
  await fill(page, "nobody", "not the password", "Sign in");
  await isBlamed(page, password(page), /\w/);
  assert.deepEqual(await page.getByRole("alert").allTextContents(), known, "it does not say which was wrong");
  assert.equal(await name(page).getAttribute("aria-invalid"), "true");
});

test("a password can be looked at, and managers know what the fields are", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/register`);
  assert.equal(await name(page).getAttribute("autocomplete"), "username");
  assert.equal(await password(page).getAttribute("autocomplete"), "new-password");
  await page.goto(`${url}/login`);
  assert.equal(await name(page).getAttribute("autocomplete"), "username");
  assert.equal(await password(page).getAttribute("autocomplete"), "current-password");
  const show = button(page, "Show password");
  await show.click();
  assert.equal(await password(page).getAttribute("type"), "text");
  assert.equal(await show.getAttribute("aria-pressed"), "true");
  await show.click();
  assert.equal(await password(page).getAttribute("type"), "password");
});

test("the way back leads to pages of this site only", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/login`);
  const lead = (next) =>
    page.evaluate(async (wanted) => {
      const { nextAddress } = await import("/lib/page.js");
      return nextAddress(`?${new URLSearchParams({ next: wanted })}`);
    }, next);
  for (const next of ["/chat", "/video-call/abc?x=1#y", "/.//evil.example/", "/a/..//evil.example"]) {
    const address = await lead(next);
    assert.ok(address.startsWith(`${url}/`), `${next} leads to ${address}`);
  }
  assert.equal(await lead("/chat?room=1#last"), `${url}/chat?room=1#last`);
  for (const next of [
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "evil",
    "",
    "/login",
    "/logout",
    "/register?next=/logout",
  ])
    assert.equal(await lead(next), `${url}/`, next);
});

test("other sessions are listed, and end when asked to or with the password", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const page = await openUser(t, browser, url, "ada", { path: "/account", mayComplain: REFUSED });
  const sessions = page.getByRole("region", { name: "Where you are signed in" }).getByRole("listitem");
  const other = await newPerson(browser);
  await signIn(other, url, "ada");
  const elsewhere = await openPageIn(t, other, `${url}/account`, { mayComplain: REFUSED });
  await elsewhere.getByRole("heading", { name: "ada", level: 1 }).waitFor();
  await page.reload();
  await sessions.nth(1).waitFor();
  assert.equal(await sessions.count(), 2);
  assert.match(await sessions.first().textContent(), /This browser/);

  await button(page, "Sign out everywhere else").click();
  await page.getByRole("status").filter({ hasText: "1\u00A0other session ended." }).waitFor();
  await sessions.nth(1).waitFor({ state: "detached" });
  await elsewhere.reload();
  await elsewhere.waitForURL(/\/login\?next=%2Faccount$/);

  await fill(elsewhere, "ada", PASSWORD, "Sign in");
  await elsewhere.waitForURL(`${url}/account`);
  await password(page, "Password until now").fill("not this");
  await password(page, "New password").fill("a new password");
  await button(page, "Change the password").click();
  await isBlamed(page, password(page, "Password until now"), /\w/);
  await password(page, "New password").fill("short");
  await button(page, "Change the password").click();
  await isBlamed(page, password(page, "New password"), /at least 8/);
  await password(page, "Password until now").fill(PASSWORD);
  await password(page, "New password").fill("a new password");
  await button(page, "Change the password").click();
  await page.getByRole("status").filter({ hasText: "The password is changed." }).waitFor();
  await elsewhere.reload();
  await elsewhere.waitForURL(/\/login\?next=%2Faccount$/);
  await fill(elsewhere, "ada", PASSWORD, "Sign in");
  await isBlamed(elsewhere, password(elsewhere), /\w/);
  await fill(elsewhere, "ada", "a new password", "Sign in");
  await elsewhere.waitForURL(`${url}/account`);
  await page.reload();
  await page.getByRole("heading", { name: "ada", level: 1 }).waitFor();
});

test("another tab hears at once who signed in or out in this one", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const context = await newPerson(await startBrowser(t));
  const idle = await openPageIn(t, context, `${url}/test-websocket`, { mayComplain: REFUSED });
  const page = await openPageIn(t, context, `${url}/login`, { mayComplain: REFUSED });
  await fill(page, "ada", PASSWORD, "Sign in");
  await account(idle).getByRole("link", { name: "ada" }).waitFor();
  await page.goto(`${url}/account`);
  await page.getByRole("main").getByRole("link", { name: "Sign out" }).click();
  await account(idle).getByRole("link", { name: "Sign in" }).waitFor();
});

test(
  "signing out reaches the pages that are open: some become a guest's, some ask who is there",
  TIMEOUT,
  async (t) => {
    const { url } = await startServer(t);
    await register(url, "ada");
    const context = await newPerson(await startBrowser(t));
    await signIn(context, url, "ada");
    const messages = await openPageIn(t, context, `${url}/direct-messaging`, { mayComplain: REFUSED });
    const board = await openPageIn(t, context, `${url}/drawing-board`, { mayComplain: REFUSED });
    for (const page of [messages, board]) await account(page).getByRole("link", { name: "ada" }).waitFor();
    // Both are connected as who is signed in: only over a connection does one hear of this.
    await messages.getByText("Nobody else is registered yet").waitFor();
    await board.getByRole("button", { name: "Online: ada" }).waitFor();
    // Not by a page, so that no other page could tell them: only their connections do.
    assert.ok((await context.request.get(`${url}/logout`)).ok());
    await messages.waitForURL(`${url}/login?next=%2Fdirect-messaging`);
    await account(board).getByRole("link", { name: "Sign in" }).waitFor();
    assert.equal(new URL(board.url()).pathname, "/drawing-board");
  },
);

test("too many tries and a server without time are told in words, with how long to wait", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const page = await openPage(t, await startBrowser(t), `${url}/login`, { mayComplain: REFUSED });
  for (let turn = 0; turn < 10; turn++)
    await page.request.post(`${url}/login`, { form: { username: "ada", password: "wrong password" } });
  await fill(page, "ada", "wrong password", "Sign in");
  await page
    .getByRole("alert")
    .filter({ hasText: /Too many tries\. Try again in \d+\s(second|minute)s?\./ })
    .waitFor();
  await page.route("**/login", (route) =>
    route.fulfill({ status: 503, headers: { "Retry-After": "2" }, contentType: "text/plain", body: "busy" }),
  );
  await button(page, "Sign in").click();
  await page.getByRole("alert").filter({ hasText: "The server is busy. Try again in 2\u00A0seconds." }).waitFor();
});

test("one press signs in once, and the button says that it is doing so", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const page = await openPage(t, await startBrowser(t), `${url}/login`);
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  let posts = 0;
  await page.route("**/login", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    posts += 1;
    await released;
    return route.continue();
  });
  await fill(page, "ada", PASSWORD, "Sign in");
  const busy = button(page, "Signing in…");
  await busy.dispatchEvent("click");
  await password(page).press("Enter");
  release();
  await page.waitForURL(`${url}/`);
  assert.equal(posts, 1);
});

test("with the server gone nothing typed is lost, and it goes on when it is back", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const { url } = server;
  const page = await openPage(t, await startBrowser(t), `${url}/register`, { mayComplain: SERVER_GONE });
  await server.kill9();
  await fill(page, "ada", PASSWORD, "Register");
  await page.getByRole("alert").filter({ hasText: "What you typed is still here" }).waitFor();
  const banner = page.getByRole("status").filter({ hasText: "The server does not answer." });
  await banner.filter({ hasText: /Trying again/ }).waitFor();
  await server.restart();
  await tryNow(page);
  await banner.waitFor({ state: "hidden" });
  await button(page, "Register").click();
  await page.waitForURL(`${url}/`);
  await account(page).getByRole("link", { name: "ada" }).waitFor();
});

test("a form works where no script does", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "ada");
  const page = await openPage(t, await startBrowser(t), `${url}/login`, {
    javaScriptEnabled: false,
    mayComplain: REFUSED,
  });
  assert.ok(await account(page).getByRole("link", { name: "Register" }).isVisible());
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await fill(page, "ada", PASSWORD, "Sign in");
  assert.equal((await answered).status(), 200);
  await page.goto(`${url}/api/users/@me`);
  assert.match(await page.locator("body").textContent(), /"username":"ada"/);
});

test("nothing is too wide for a phone, and axe finds nothing", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const widest = "W".repeat(32);
  for (const device of [{}, PHONE]) {
    const page = await openPage(t, browser, `${url}/login?next=/direct-messaging`, {
      ...device,
      mayComplain: REFUSED,
    });
    for (const [path, label] of [
      ["/login?next=/direct-messaging", "Sign in"],
      ["/register", "Register"],
    ]) {
      await page.goto(url + path);
      await account(page).getByRole("link", { name: "Sign in" }).waitFor();
      await checkAxe(page);
      await button(page, label).click();
      await page.getByRole("alert").filter({ hasText: /\w/ }).first().waitFor();
      await checkAxe(page, `${path} with errors`);
      await checkWidth(page);
    }
    await page.goto(`${url}/nowhere/at/all`);
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    await account(page).getByRole("link", { name: "Sign in" }).waitFor();
    await checkWidth(page);
    await checkAxe(page);
    if (device === PHONE) await signIn(page, url, widest);
    else {
      await page.goto(`${url}/register`);
      await fill(page, widest, PASSWORD, "Register");
      await page.waitForURL(`${url}/`);
    }
    for (const path of ["/account", "/login", "/register", "/", "/test-websocket"]) {
      await page.goto(url + path);
      await account(page).getByRole("link", { name: widest }).waitFor();
      await checkWidth(page);
    }
    await page.goto(`${url}/account`);
    await page.getByRole("listitem").first().waitFor();
    await checkAxe(page);
  }
});
