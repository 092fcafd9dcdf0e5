// The rooms family, as the contract has it, against the reference and against our own server: the same lines for both.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { startServer } from "../browser/support.mjs";
import { start } from "./server.mjs";

const SERVERS = {
  async reference(t) {
    const server = await start({ port: 0 });
    t.after(() => server.close());
    return server.url;
  },
  async "reference, compressing"(t) {
    const server = await start({ port: 0, compression: true });
    t.after(() => server.close());
    return server.url;
  },
  async ours(t) {
    const { port } = await startServer(t);
    return `ws://127.0.0.1:${port}/`;
  },
};

/** A test against each server. */
function testBoth(name, run) {
  for (const [server, begin] of Object.entries(SERVERS)) {
    test(`${server}: ${name}`, { timeout: 60_000 }, async (t) => run(t, await begin(t)));
  }
}

/** A connection that says and hears JSON. */
class Talker extends EventEmitter {
  #unread = [];
  webSocket;

  static async open(t, url, options) {
    const talker = new Talker();
    talker.webSocket = new WebSocket(url, options);
    talker.webSocket.on("message", (data) => {
      talker.#unread.push(JSON.parse(data.toString()));
      talker.emit("heard");
    });
    t.after(() => talker.webSocket.terminate());
    await once(talker.webSocket, "open");
    return talker;
  }

  say(message) {
    this.webSocket.send(JSON.stringify(message));
  }

  async hear() {
    while (this.#unread.length === 0) await once(this, "heard", { signal: AbortSignal.timeout(10_000) });
    return this.#unread.shift();
  }

  /** Hears exactly this next. */
  async hears(message) {
    assert.deepEqual(await this.hear(), message);
  }

  /** Sends this as it is, or as JSON; hears an error of the rooms family, and returns it. */
  async isRefused(message) {
    this.webSocket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    const { type, error, ...rest } = await this.hear();
    assert.equal(type, "error", `to ${JSON.stringify(message)}`);
    assert.equal(typeof error, "string");
    return rest;
  }

  /** Enters a room as the last of these members. */
  async enters(roomId, members, messages = []) {
    this.say({ type: "room-connect", roomId, name: members.at(-1) });
    await this.hears({ type: "room-connected", roomId, members, messages });
  }
}

const changed = (...names) => ({ type: "members-changed", names });
const received = (name, message) => ({ type: "receive-message", message, name });
const message = (text, id) => ({ type: "send-message", message: text, id });

testBoth("people come, talk and go", async (t, url) => {
  const ann = await Talker.open(t, url);
  const bob = await Talker.open(t, `${url}chat`);
  const eve = await Talker.open(t, url);
  await ann.enters("r", ["ann"]);
  ann.say(message("nobody is here"));
  await ann.isRefused("{");
  const past = [{ sender: "ann", message: "nobody is here" }];
  await bob.enters("r", ["ann", "bob"], past);
  await ann.hears(changed("ann", "bob"));
  await eve.enters("r", ["ann", "bob", "eve"], past);
  for (const talker of [ann, bob]) await talker.hears(changed("ann", "bob", "eve"));
  bob.say(message('hello, "all" <b>&</b>\n😀\u200f'));
  for (const talker of [ann, eve]) await talker.hears(received("bob", 'hello, "all" <b>&</b>\n😀\u200f'));
  // The list is in the order of joining, and who comes back comes last.
  ann.say({ type: "room-leave" });
  for (const talker of [bob, eve]) await talker.hears(changed("bob", "eve"));
  past.push({ sender: "bob", message: 'hello, "all" <b>&</b>\n😀\u200f' });
  await ann.enters("r", ["bob", "eve", "ann"], past);
  for (const talker of [bob, eve]) await talker.hears(changed("bob", "eve", "ann"));
  // However a connection ends, its member is gone.
  bob.webSocket.terminate();
  for (const talker of [ann, eve]) await talker.hears(changed("eve", "ann"));
  eve.webSocket.close();
  await ann.hears(changed("ann"));
  // Another room is another conversation.
  const out = await Talker.open(t, url);
  await out.enters("another", ["ann"]);
});

testBoth("what is out of order or malformed is refused, and changes nothing", async (t, url) => {
  const ann = await Talker.open(t, url);
  const bob = await Talker.open(t, url);
  const connect = (roomId, name) => ({ type: "room-connect", roomId, name });
  await ann.isRefused(message("nowhere"));
  await ann.isRefused({ type: "room-leave" });
  await ann.enters("r", ["ann"]);
  for (const bad of [connect("r", "ann"), connect("another", "ann")]) await ann.isRefused(bad);
  for (const bad of [
    connect("r", "ann"),
    message("still nowhere"),
    connect("r"),
    connect(undefined, "bob"),
    connect(null, "bob"),
    connect("r", 7),
    connect(["r"], "bob"),
    connect("", "bob"),
    connect("r", ""),
    connect("r", "b\0b"),
    connect("r\0m", "bob"),
    connect("r", "n".repeat(65)),
    connect("r".repeat(65), "bob"),
    changed("eve"),
    { type: "Room-Connect", roomId: "r", name: "bob" },
    { type: 7 },
    { messageType: "get_calls" },
    "",
    "null",
    "[]",
    "{",
    `{"type":"room-connect","roomId":"r","name":"bob","x":"\\ud800"}`,
    "[".repeat(20_000),
    Buffer.from([0xff]),
  ]) {
    assert.deepEqual(await bob.isRefused(bad), {});
  }
  // Characters, not bytes; and a binary message is read like a text.
  const long = "😀".repeat(64);
  bob.webSocket.send(Buffer.from(JSON.stringify(connect(long, long))));
  await bob.hears({ type: "room-connected", roomId: long, members: [long], messages: [] });
  bob.say({ type: "room-leave" });
  await bob.enters("r", ["ann", "bob"]);
  await ann.hears(changed("ann", "bob"));
  for (const bad of [
    message(),
    message(null),
    message(7),
    message(["x"]),
    message("x", 7),
    message("x", "i".repeat(65)),
    message("x", "\0"),
    message("a\0b"),
    message("x".repeat(64 * 1024 + 1)),
    `{"type":"send-message","message":"\\ud800"}`,
  ]) {
    await bob.isRefused(bad);
  }
  // A refusal says of which message it is.
  assert.deepEqual(await bob.isRefused(message("a\0b", "9")), { id: "9" });
  for (const text of ["é".repeat(32 * 1024), ""]) {
    bob.say(message(text));
    await ann.hears(received("bob", text));
  }
  ann.say({ ...message("x"), name: "bob", sender: "bob", roomId: "another" });
  await bob.hears(received("ann", "x"));
});

testBoth("an id makes sending again safe", async (t, url) => {
  const ann = await Talker.open(t, url);
  const bob = await Talker.open(t, url);
  await ann.enters("r", ["ann"]);
  await bob.enters("r", ["ann", "bob"]);
  await ann.hears(changed("ann", "bob"));
  for (const id of ["1", "", "é".repeat(64)]) {
    for (let turn = 0; turn < 3; turn++) {
      ann.say(message(`the message ${id}`, id));
      await ann.hears({ type: "stored", id });
    }
    // The id is between its sender and the server.
    await bob.hears(received("ann", `the message ${id}`));
  }
  // Another's id is another's.
  bob.say(message("mine", "1"));
  await bob.hears({ type: "stored", id: "1" });
  await ann.hears(received("bob", "mine"));
  const late = await Talker.open(t, url);
  late.say({ type: "room-connect", roomId: "r", name: "late" });
  assert.equal((await late.hear()).messages.length, 4);
});

testBoth("pings are answered with the same bytes, and a Close with its code", async (t, url) => {
  const { webSocket } = await Talker.open(t, url);
  for (const payload of [Buffer.of(), Buffer.of(0, 255, 10), Buffer.alloc(125, 7)]) {
    webSocket.ping(payload);
    assert.deepEqual(await once(webSocket, "pong"), [payload]);
  }
  webSocket.close(1000, "bye");
  const [code] = await once(webSocket, "close");
  assert.equal(code, 1000);
});

testBoth("a message that is too large ends the connection, and no other", async (t, url) => {
  const { webSocket } = await Talker.open(t, url);
  const bob = await Talker.open(t, url);
  webSocket.send("x".repeat((8 << 20) + 1));
  assert.equal((await once(webSocket, "close"))[0], 1009);
  await bob.enters("r", ["bob"]);
});

testBoth("a page of another origin is refused, and a path where nothing is", async (_, url) => {
  for (const [address, options, status] of [
    [url, { origin: "https://attacker.example" }, 403],
    [url, { origin: "null" }, 403],
    [`${url}nothing`, {}, 404],
  ]) {
    const webSocket = new WebSocket(address, options);
    const [, response] = await once(webSocket, "unexpected-response");
    assert.equal(response.statusCode, status, address);
  }
});
