// Pages that are not ours: served in place of ours, or from an origin of their own.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  newPerson,
  openPageIn,
  openWire,
  PASSWORD,
  register,
  startBrowser,
  startServer,
  temporaryFolder,
} from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

/** A browser that kept us from asking says so in the console. */
const KEPT_OUT = /CORS policy|WebSocket connection to|ERR_FAILED|status of 40[01]/;

/** A page that asks another server, with its user's cookies, as a front end by itself does. */
async function ask(page, url, path, form) {
  return await page.evaluate(
    async ([address, body]) => {
      const request = body ? { method: "POST", body: new URLSearchParams(body) } : {};
      try {
        const answer = await fetch(address, { credentials: "include", ...request });
        return [answer.status, await answer.text()];
      } catch {
        return ["unread", ""];
      }
    },
    [url + path, form],
  );
}

/** What it hears first over a socket to that server, or how that failed. */
async function firstHeard(page, url, wanted) {
  return await page.evaluate(
    ([address, tag]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${address.replace("http", "ws")}/websocket`);
        socket.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (message.messageType === tag) resolve(message);
        };
        socket.onclose = ({ code }) => resolve(code);
      }),
    [url, wanted],
  );
}

test("a front end of an origin that is allowed signs people in and connects, another does not", TIMEOUT, async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "index.html"),
    "<!doctype html><title>Elsewhere</title><link rel=icon href='data:,'><h1>Elsewhere</h1>",
  );
  const front = await startServer(t, ["--www", folder]);
  const stranger = await startServer(t, ["--www", folder]);
  const { url } = await startServer(t, ["--allow-origin", front.url]);
  await register(url, "ada");
  const login = { username: "ada", password: PASSWORD };
  const browser = await startBrowser(t);

  const page = await openPageIn(t, await newPerson(browser), front.url, { mayComplain: KEPT_OUT });
  assert.deepEqual(await ask(page, url, "/login", { ...login, password: "not this one" }), [
    400,
    "name or password is wrong\n",
  ]);
  assert.equal((await ask(page, url, "/login", login))[0], 200);
  const [status, me] = await ask(page, url, "/api/users/@me");
  assert.deepEqual([status, JSON.parse(me).username], [200, "ada"]);
  const online = await firstHeard(page, url, "active_users_list");
  assert.deepEqual(online.users, [{ username: "ada" }]);
  // JSON, and so a request that the browser asks for beforehand.
  const created = await page.evaluate(async (address) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(address, {
      method: "POST",
      credentials: "include",
      headers,
      body: '{"name":"Morning"}',
    });
    return await answer.json();
  }, `${url}/api/video-calls`);
  assert.equal(typeof created.id, "string");

  const other = await openPageIn(t, await newPerson(browser), stranger.url, { mayComplain: KEPT_OUT });
  assert.equal((await ask(other, url, "/login", login))[0], "unread");
  assert.equal((await ask(other, url, "/api/users/@me"))[0], "unread");
  assert.equal(await firstHeard(other, url, "active_users_list"), 1006);
});

test("a page that takes texts for HTML runs none of them", TIMEOUT, async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "chat.html"),
    `<!doctype html><title>Theirs</title><link rel="icon" href="data:,"><ul id="texts"></ul>
     <script>
       const socket = new WebSocket("ws://" + location.host + "/chat");
       socket.onopen = () => socket.send(JSON.stringify({ type: "room-connect", roomId: "r", name: "page" }));
       const show = (sender, text) => { document.getElementById("texts").innerHTML += "<li>" + sender + ": " + text + "</li>"; };
       socket.onmessage = ({ data }) => {
         const message = JSON.parse(data);
         if (message.type === "room-connected") show("members", message.members.join());
         if (message.type === "receive-message") show(message.name, message.message);
       };
     </script>`,
  );
  const { url } = await startServer(t, ["--www", folder]);
  const page = await openPageIn(t, await newPerson(await startBrowser(t)), `${url}/chat`);
  await page.getByText("members: page").waitFor();
  const wire = await openWire(t, url, "/chat");
  wire.send({ type: "room-connect", roomId: "r", name: "<i>mallory</i>" });
  const nasty = `<img src="x" onerror="document.title='run'"> & 'so on'`;
  wire.send({ type: "send-message", message: nasty });
  await page.getByText(`<i>mallory</i>: ${nasty}`).waitFor();
  assert.equal(await page.title(), "Theirs");
  assert.equal(await page.locator("img, i").count(), 0);
});
