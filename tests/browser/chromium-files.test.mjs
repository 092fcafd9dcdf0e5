// Files between the inspector and Chromium: what is exported as HAR goes through the importer of Chromium's own network panel,
// and what a Chromium writes, HAR and NetLog, is opened in the page.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { allRows, startReader } from "./capture-support.mjs";
import { listenTo, openDevTools } from "./devtools.mjs";
import { openPage, program, root, startBrowser, startServer, temporaryFolder } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };
const OPCODES = { text: 1, binary: 2 };

const FILES = [
  ...["ws-no-takeover.pcap", "violations.pcap.gz", "chromium-torn.pcap", "interleaved-wrapped.pcap"].map((name) =>
    join(root, "tests/fixtures/captures/foreign", name),
  ),
  ...["chat", "broken-client", "socket.io"].map((name) => join(root, "www/inspector/samples", `${name}.pcapng`)),
];

/** The lines that `framescope decode` prints. */
function linesOf(file) {
  const text = execFileSync(program(), ["decode", file], { encoding: "utf8", maxBuffer: 1 << 28 });
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** A text, if it is one. */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The messages of each connection as Chromium has them, by what the command line says of the same file. */
function expectedOf(lines) {
  const streams = new Map();
  for (const { stream, dir, time, event, opcode, payload, message, src, dst } of lines) {
    if (stream === undefined) continue;
    const connection = streams.get(stream) ?? { server: "", frames: [] };
    streams.set(stream, connection);
    if (src && dst) connection.server = dir === "c2s" ? dst : src;
    // Of a control frame that is reserved there is no more than its payload.
    const hex = message?.hex ?? (opcode >= 8 ? payload : null);
    if (event || hex === null) continue;
    const bytes = Buffer.from(hex, "hex");
    connection.frames.push({
      type: dir === "c2s" ? "send" : "receive",
      time: Number(time),
      opCode: opcode < 8 ? OPCODES[message.kind] : opcode,
      text: (message?.kind === "text" ? textOf(bytes) : null) ?? bytes.toString("base64"),
      mask: dir === "c2s",
    });
  }
  return [...streams.values()].filter(({ frames }) => frames.length > 0);
}

test("Chromium's own importer takes every message of an exported HAR", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `${url}/`);
  const devtools = await openDevTools(browser);
  for (const file of FILES) {
    const reader = await startReader(page);
    await reader.open(readFileSync(file), file);
    const har = (await reader.exported({ format: "har", rows: "all" })).toString();
    const requests = await devtools.imported(har);
    assert.ok(requests.length > 0, file);
    const lines = linesOf(file);
    const expected = expectedOf(lines);
    const heard = requests.filter(({ frames }) => frames.length > 0);
    // The importer puts connections in the order in which they began; so does a capture, but for ties.
    const sorted = (all) => all.map((frames) => JSON.stringify(frames.map(flat))).toSorted();
    assert.deepEqual(sorted(heard.map(({ frames }) => frames)), sorted(expected.map(({ frames }) => frames)), file);
    assert.deepEqual(
      heard.map(({ remote }) => remote).toSorted(),
      expected.map(({ server }) => server).toSorted(),
      file,
    );
    const heads = (kind) => lines.filter(({ event, half }) => event === "handshake" && half === kind).length;
    for (const { kind, method, url: address, status, asked, answered } of requests) {
      assert.deepEqual([kind, method, new URL(address).protocol], ["websocket", "GET", "ws:"], file);
      if (asked.length > 0 && status === 101)
        assert.ok(answered.some(([name]) => /^sec-websocket-accept$/i.test(name)));
    }
    assert.equal(requests.filter(({ asked }) => asked.length > 0).length, heads("request"), file);

    // Given out by Chromium and opened again, nothing is lost on the way.
    const again = await startReader(page);
    await again.open(Buffer.from(await devtools.exported(har)), "again.har");
    const messages = async (rows) => (await rows).filter(({ kind }) => kind === "frame").length;
    assert.equal(await messages(allRows(again)), expected.flatMap(({ frames }) => frames).length, file);
    await Promise.all([reader.end(), again.end()]);
  }
});

const flat = ({ type, time, opCode, text, mask }) => [type, time, opCode, text, mask];

// ---- What Chromium writes --------------------------------------------------------------------------------

/** What the page says, and hears back. */
const SAID = ["", "hello", "grüße 🌍", "x".repeat(126), "y".repeat(70_000), [0, 1, 254, 255], []];

/** Runs in a page. */
async function talk([address, said]) {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const event = (name) => new Promise((resolve) => socket.addEventListener(name, resolve, { once: true }));
  await event("open");
  for (const one of said) {
    socket.send(typeof one === "string" ? one : new Uint8Array(one));
    await event("message");
  }
  socket.close(4000, "that was it");
  const { code, wasClean } = await event("close");
  return [code, wasClean, socket.extensions];
}

/** An echo of somebody else's; before each answer it pings. */
async function startEcho(t) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } });
  await once(server, "listening");
  t.after(() => server.close());
  server.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => {
      socket.ping("still there?");
      socket.send(data, { binary: isBinary });
    }),
  );
  return `ws://127.0.0.1:${server.address().port}/echo?of=all`;
}

/** Opens a file in the inspector, which lists it to the end: both close. */
async function openInPage(t, browser, url, file) {
  const page = await openPage(t, browser, `${url}/inspector`);
  const picked = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Open files" }).click();
  await (await picked).setFiles(file);
  const source = page.getByRole("region", { name: file.split("/").at(-1), exact: true });
  await source.getByText(/\d+ rows/).waitFor();
  const grid = page.getByRole("grid", { name: "Captured frames" });
  await grid.focus();
  await page.keyboard.press("End");
  await grid.getByRole("row").filter({ hasText: "4000" }).nth(1).waitFor();
  return page;
}

/** Each message, by direction, as the worker has it: opcode and bytes. */
async function messagesOf(page, file) {
  const reader = await startReader(page);
  const { trouble } = await reader.open(readFileSync(file), file);
  assert.equal(trouble, null);
  const found = { c2s: [], s2c: [] };
  for (const { kind, index, direction, name } of await allRows(reader)) {
    if (kind !== "frame") continue;
    const bytes = Buffer.from(Object.values((await reader.ask("message", index)) ?? {}));
    found[direction].push([name, bytes.toString("hex")]);
  }
  await reader.end();
  return found;
}

const hexOf = (one) => Buffer.from(one).toString("hex");
const DATA = SAID.map((one) => [typeof one === "string" ? "text" : "binary", hexOf(one)]);
const PING = hexOf("still there?");
const CLOSE = [
  "close",
  Buffer.concat([Buffer.from([4000 >> 8, 4000 & 255]), Buffer.from("that was it")]).toString("hex"),
];

test("a HAR of Chromium's network panel shows what a page said and heard", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const speaker = await browser.newPage();
  const { events, closed } = await listenTo(speaker);
  const [code, wasClean] = await speaker.evaluate(talk, [await startEcho(t), SAID]);
  assert.deepEqual([code, wasClean], [4000, true]);
  await closed;
  const devtools = await openDevTools(browser);
  const har = await devtools.written(events);
  const file = join(temporaryFolder(t), "panel.har");
  writeFileSync(file, har);

  // Of control frames Chromium tells only some.
  const page = await openPage(t, browser, `${url}/inspector`);
  const found = await messagesOf(page, file);
  const data = (all) => all.filter(([name]) => name === "text" || name === "binary");
  assert.deepEqual([data(found.c2s), data(found.s2c)], [DATA, DATA]);
  const entry = JSON.parse(har).log.entries[0];
  assert.equal(found.c2s.length + found.s2c.length, entry._webSocketMessages.length);
});

test("a NetLog of Chromium shows every frame that a page said and heard", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const log = join(temporaryFolder(t), "chromium.json");
  const address = await startEcho(t);
  const ends = [];
  const flags = [`--log-net-log=${log}`, "--net-log-capture-mode=Everything"];
  const speaker = await startBrowser({ after: (end) => ends.push(end) }, { flags });
  const [code, wasClean, extensions] = await (await speaker.newPage()).evaluate(talk, [address, SAID]);
  assert.deepEqual([code, wasClean], [4000, true]);
  assert.match(extensions, /permessage-deflate/);
  // It is whole when the browser is no more.
  for (const end of ends) await end();

  const browser = await startBrowser(t);
  const page = await openInPage(t, browser, url, log);
  const found = await messagesOf(page, log);
  const pings = SAID.map(() => ["ping", PING]);
  const pongs = SAID.map(() => ["pong", PING]);
  const of = (all, name) => all.filter(([kind]) => kind === name);
  const data = (all) => all.filter(([name]) => name === "text" || name === "binary");
  assert.deepEqual([data(found.c2s), data(found.s2c)], [DATA, DATA]);
  assert.deepEqual([of(found.s2c, "ping"), of(found.c2s, "pong")], [pings, pongs]);
  assert.deepEqual([found.c2s.at(-1), found.s2c.at(-1)], [CLOSE, CLOSE]);
  assert.equal(found.c2s.length + found.s2c.length, 4 * SAID.length + 2);
});
