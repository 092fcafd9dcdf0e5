// A page's connection to the apps, against a server that is played here and so does on cue what a real one does rarely.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { newPerson, openPageIn, startBrowser, startServer, tryNow } from "./support.mjs";

const TIMEOUT = { timeout: 120_000 };

/** A context in which `/websocket` is played: `opened` is emitted with each connection, a list of what it said. */
async function stage(t, { user = null } = {}) {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t));
  const server = Object.assign(new EventEmitter(), { user, isThere: true, connections: 0 });
  await context.route("**/api/users/@me", (route) =>
    server.user ? route.fulfill({ json: server.user }) : route.fulfill({ status: 401, json: { error: "a guest" } }),
  );
  await context.routeWebSocket("**/websocket", (socket) => {
    if (!server.isThere) {
      socket.close({ code: 1013 });
      return;
    }
    server.connections += 1;
    const connection = Object.assign(new EventEmitter(), {
      heard: [],
      say: (message) => socket.send(JSON.stringify(message)),
      end: (code, reason) => socket.close({ code, reason }),
      /** The next message that is of this kind. */
      async next(kind) {
        for (;;) {
          const place = connection.heard.findIndex(({ messageType }) => messageType === kind);
          if (place >= 0) return connection.heard.splice(place, 1)[0];
          await once(connection, "heard");
        }
      },
    });
    socket.onMessage((text) => {
      connection.heard.push(JSON.parse(text));
      connection.emit("heard");
    });
    connection.say({ messageType: "init_strokes", strokes: [] });
    server.emit("opened", connection);
  });
  return { url, context, server };
}

/** Any page of ours will do; this one has no connection of its own. */
async function openSocket(t, { url, context, server }) {
  const page = await openPageIn(t, context, `${url}/login`, { mayComplain: /WebSocket connection/ });
  const [connection] = await connected(server, () => page.evaluate(begin));
  return { page, connection };
}

/** Runs in the page. */
async function begin() {
  const { startPage } = await import("/lib/page.js");
  const { connect } = await import("/lib/app-socket.js");
  await startPage();
  window.seen = { states: [], stored: [], refused: [], messages: [] };
  const socket = connect({
    kept: "What is drawn is kept.",
    on: {
      open: () => socket.ready(),
      message: (message) => window.seen.messages.push(message),
      state: (state) => window.seen.states.push(state),
    },
  });
  socket.onStored((id) => window.seen.stored.push(id));
  socket.onRefused((id, error) => window.seen.refused.push([id, error]));
  window.socket = socket;
}

const connected = (server, act) => Promise.all([once(server, "opened").then(([connection]) => connection), act()]);

const stroke = (number) => ({
  messageType: "drawing",
  startX: number,
  startY: 0,
  endX: number,
  endY: 9,
  color: "#123456",
});
const draw = (page, number) => page.evaluate((message) => window.socket.sendStored(message), stroke(number));
const seen = (page) => page.evaluate(() => window.seen);
const pending = (page) => page.evaluate(() => window.socket.pending);

test("what was not stored goes out again in its order, under the same id", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { page, connection } = await openSocket(t, scene);
  const ids = [await draw(page, 1), await draw(page, 2)];
  for (const id of ids) assert.equal((await connection.next("drawing")).id, id);
  connection.say({ messageType: "stored", id: ids[0] });
  await page.waitForFunction(() => window.seen.stored.length === 1);

  const [again] = await connected(scene.server, async () => {
    connection.end(1012, "restarting");
    // It may be trying again by the time that somebody looks.
    await page.waitForFunction(() => window.seen.states.includes("lost"));
    ids.push(await draw(page, 3));
    await page.evaluate(() => window.socket.retry());
  });
  for (const id of ids.slice(1)) assert.equal((await again.next("drawing")).id, id);
  for (const id of ids.slice(1)) again.say({ messageType: "stored", id });
  await page.waitForFunction(() => window.socket.pending === 0);
  assert.deepEqual((await seen(page)).stored, ids);
  assert.deepEqual((await seen(page)).states, ["connecting", "open", "lost", "connecting", "open"]);
});

test("what was not stored survives a reload, and goes out under the same id", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { page, connection } = await openSocket(t, scene);
  const id = await draw(page, 1);
  await connection.next("drawing");
  await page.reload();
  const [again] = await connected(scene.server, () => page.evaluate(begin));
  const sent = await again.next("drawing");
  assert.deepEqual(sent, { ...stroke(1), id });
  again.say({ messageType: "stored", id });
  await page.waitForFunction(() => window.socket.pending === 0);
  await page.reload();
  const [last] = await connected(scene.server, () => page.evaluate(begin));
  await draw(page, 2);
  assert.equal((await last.next("drawing")).startX, 2);
});

test("nobody's message goes out as somebody else's", TIMEOUT, async (t) => {
  const scene = await stage(t, { user: { id: 1, username: "alice" } });
  const { page, connection } = await openSocket(t, scene);
  const id = await page.evaluate(() =>
    window.socket.sendStored({ messageType: "direct_message", targetUser: "carol", text: "from alice" }),
  );
  await connection.next("direct_message");
  scene.server.user = { id: 2, username: "bob" };
  const [again] = await connected(scene.server, () => connection.end(1008, "signed out"));
  await page.waitForFunction(() => window.seen.refused.length === 1);
  assert.equal((await seen(page)).refused[0][0], id);
  assert.ok((await seen(page)).states.includes("signed-out"));
  await draw(page, 1);
  await again.next("drawing");
  assert.deepEqual(again.heard, []);
  await page.getByRole("link", { name: "bob" }).waitFor();
});

test("an error that names a message takes it back; one that names none is the page's", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { page, connection } = await openSocket(t, scene);
  const id = await draw(page, 1);
  await connection.next("drawing");
  connection.say({ messageType: "error", error: "no such user" });
  connection.say({ messageType: "error", error: "no such colour", id });
  await page.waitForFunction(() => window.seen.refused.length === 1);
  assert.deepEqual((await seen(page)).refused, [[id, "no such colour"]]);
  assert.deepEqual(
    (await seen(page)).messages.filter(({ messageType }) => messageType === "error"),
    [{ messageType: "error", error: "no such user" }],
  );
  assert.equal(await pending(page), 0);
});

test("while the server is gone a banner says so, and how long until the next try", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { page, connection } = await openSocket(t, scene);
  const banner = page.getByRole("status").filter({ hasText: /Trying again/ });
  scene.server.isThere = false;
  connection.end(1013, "too slow");
  await banner.waitFor();
  await draw(page, 1);
  await banner.filter({ hasText: "What is drawn is kept. 1\u00A0message not sent yet." }).waitFor();
  await banner.getByText(/could not keep up/).waitFor();
  scene.server.isThere = true;
  const [again] = await connected(scene.server, () => tryNow(page));
  await again.next("drawing");
  await banner.waitFor({ state: "detached" });
});

test("a connection that died without a word is found out by asking, and replaced", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { url, context, server } = scene;
  const page = await openPageIn(t, context, `${url}/login`);
  await page.clock.install();
  const [connection] = await connected(server, () => page.evaluate(begin));
  connection.say({ messageType: "active_users_list", users: [] });
  await page.waitForFunction(() => window.seen.messages.length === 2);
  await page.clock.runFor(30_000);
  const question = await connection.next("echo_client");
  connection.say({ messageType: "echo_server", text: question.text });
  await page.clock.runFor(5_000);
  assert.equal(await page.evaluate(() => window.socket.state), "open");
  assert.equal((await seen(page)).messages.length, 2, "the answer is not the page's");
  // And now none.
  const [again] = await connected(server, () => page.clock.runFor(60_000));
  assert.notEqual(again, connection);
  assert.equal(server.connections, 2);
});

test("signing in or out in another tab brings a new connection", TIMEOUT, async (t) => {
  const scene = await stage(t);
  const { page } = await openSocket(t, scene);
  scene.server.user = { id: 1, username: "alice" };
  await connected(scene.server, () => openPageIn(t, scene.context, `${scene.url}/login`));
  await page.getByRole("link", { name: "alice" }).waitFor();
  assert.equal(scene.server.connections, 2);
});
