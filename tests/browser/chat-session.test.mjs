// One room, three kinds of client: our native one, npm's `ws`, and a page in Chromium.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { openPage, openWire, startBrowser, startStoringServer } from "./support.mjs";

const TIMEOUT = { timeout: 120_000 };

const TEXTS = ["plain", "two\nlines", "<b>&amp;</b> \"quoted\" 'too'", "😀 مرحبا שלום", "x".repeat(1500)];

/** `ws` as people use it: with compression offered, one listener, JSON. */
async function openForeign(t, url, path) {
  const socket = new WebSocket(url.replace("http:", "ws:") + path);
  t.after(() => socket.terminate());
  const unread = [];
  socket.on("message", (data, isBinary) => {
    assert.ok(!isBinary, "text stays text");
    unread.push(JSON.parse(data.toString()));
    socket.emit("unread");
  });
  await once(socket, "open");
  return {
    socket,
    say: (message) => socket.send(JSON.stringify(message)),
    async hear(type) {
      const signal = AbortSignal.timeout(20_000);
      for (;;) {
        while (unread.length > 0) {
          const message = unread.shift();
          if (message.type === type) return message;
          assert.notEqual(message.type, "error", JSON.stringify(message));
        }
        await once(socket, "unread", { signal });
      }
    },
  };
}

for (const path of ["/", "/chat", "/websocket"]) {
  test(`a native client, ws and a page talk in one room, the clients at ${path}`, TIMEOUT, async (t) => {
    const server = await startStoringServer(t);
    const native = await openWire(t, server.url, path);
    const isA = (type) => (message) => message.type === type;
    await native.send({ type: "room-connect", roomId: "lobby", name: "native" });
    const first = await native.next(isA("room-connected"));
    assert.deepEqual(first, { type: "room-connected", roomId: "lobby", members: ["native"], messages: [] });

    const foreign = await openForeign(t, server.url, path);
    foreign.say({ type: "room-connect", roomId: "lobby", name: "ws" });
    assert.deepEqual((await foreign.hear("room-connected")).members, ["native", "ws"]);
    assert.deepEqual(await native.next(isA("members-changed")), { type: "members-changed", names: ["native", "ws"] });

    // Both before the page is there: it has the history.
    await native.send({ type: "send-message", message: "from before" });
    assert.deepEqual(await foreign.hear("receive-message"), {
      type: "receive-message",
      message: "from before",
      name: "native",
    });

    const page = await openPage(t, await startBrowser(t), `${server.url}/chat`);
    await page.getByRole("textbox", { name: "Room" }).fill("lobby");
    await page.getByLabel("Your name there").fill("page");
    await page.getByRole("button", { name: "Join" }).click();
    await page.locator("#view").getByText("from before").waitFor();
    const names = ["native", "ws", "page"];
    assert.deepEqual((await native.next(isA("members-changed"))).names, names);
    assert.deepEqual((await foreign.hear("members-changed")).names, names);
    await page.getByRole("complementary").getByText("ws", { exact: true }).waitFor();

    for (const [place, text] of TEXTS.entries()) {
      await native.send({ type: "send-message", message: `${place} ${text}` });
      const fromNative = { type: "receive-message", message: `${place} ${text}`, name: "native" };
      assert.deepEqual(await foreign.hear("receive-message"), fromNative);
      foreign.say({ type: "send-message", message: `ws ${place} ${text}` });
      const fromForeign = { type: "receive-message", message: `ws ${place} ${text}`, name: "ws" };
      assert.deepEqual(await native.next(isA("receive-message")), fromForeign);
      // The page shows text as text: what it holds is what was sent.
      const shown = (words) =>
        page.waitForFunction((wanted) => document.querySelector("#view").textContent.includes(wanted), words);
      await shown(`${place} ${text}`);
      await shown(`ws ${place} ${text}`);
    }
    assert.equal(await page.locator("#view b").count(), 0);

    await page.getByRole("textbox", { name: "Message" }).fill("from the page");
    await page.keyboard.press("Enter");
    const fromPage = { type: "receive-message", message: "from the page", name: "page" };
    assert.deepEqual(await native.next(isA("receive-message")), fromPage);
    assert.deepEqual(await foreign.hear("receive-message"), fromPage);

    // Who leaves by closing, by vanishing, and by a button.
    assert.equal((await native.close()).closed, 1000);
    assert.deepEqual((await foreign.hear("members-changed")).names, ["ws", "page"]);
    foreign.socket.terminate();
    const members = page.getByRole("complementary").getByRole("listitem");
    await page.waitForFunction(() => document.querySelectorAll("#members li").length === 1);
    assert.equal(await members.count(), 1);

    // All of it is there for who comes after the power went.
    await page.getByRole("button", { name: "Leave" }).click();
    await page.close();
    await server.kill9();
    await server.restart();
    const late = await openWire(t, server.url, path);
    await late.send({ type: "room-connect", roomId: "lobby", name: "late" });
    const { members: there, messages } = await late.next(isA("room-connected"));
    assert.deepEqual(there, ["late"]);
    const wanted = TEXTS.flatMap((text, place) => [
      { sender: "native", message: `${place} ${text}` },
      { sender: "ws", message: `ws ${place} ${text}` },
    ]);
    assert.deepEqual(messages, [
      { sender: "native", message: "from before" },
      ...wanted,
      { sender: "page", message: "from the page" },
    ]);
  });
}
