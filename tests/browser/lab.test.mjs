// The lab: frames made by hand against our own server and the npm package `ws`, what comes back, what cannot be read,
// captured frames sent again, and captured conversations played again.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { checkAxe, checkWidth, openPage, PHONE, SERVER_GONE, startBrowser, startServer } from "./support.mjs";

const TIMEOUT = { timeout: 180_000 };

const rows = (page) => page.getByRole("grid", { name: "Captured frames" }).getByRole("row");
const ofKind = (page, kind) => rows(page).filter({ has: page.getByRole("gridcell", { name: kind, exact: true }) });
const lab = (page) => page.getByRole("tabpanel", { name: "Lab" });
const log = (page) => lab(page).getByRole("list", { name: "What was sent and what came back" });
/** A line of what was sent and what came back. */
const said = (page, text) => log(page).getByRole("listitem").filter({ hasText: text });
const entry = (page) => lab(page).getByRole("region", { name: "Frame", exact: true });
const queue = (page) => lab(page).getByRole("listbox", { name: "Frames to send" });
const button = (page, name) => lab(page).getByRole("button", { name, exact: true });
const state = (page) => lab(page).locator(".lab-state");
const field = (page, name) => entry(page).getByLabel(name, { exact: true }).filter({ visible: true });
/** What is wrong with a field, as it stands beside it and as a screen reader hears it. */
const problem = async (control) => control.page().locator(`#${await control.getAttribute("aria-describedby")}`);

/** An echo server on `ws`, which keeps what it was asked and what it got. */
async function echoServer(t, options = {}) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: true, ...options });
  const seen = { requests: [], messages: [], chunks: [] };
  server.on("connection", (socket, request) => {
    seen.requests.push(request);
    request.socket.on("data", (bytes) => seen.chunks.push(bytes));
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => {
      seen.messages.push(data);
      socket.send(data, { binary: isBinary });
    });
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return Object.assign(server, { url: `ws://127.0.0.1:${server.address().port}/`, seen });
}

async function openLab(t, flags = [], options = {}) {
  const server = await startServer(t, flags);
  const page = await openPage(t, await startBrowser(t), `${server.url}/inspector`, options);
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  await page.getByRole("tab", { name: "Lab", exact: true }).click();
  await queue(page).waitFor();
  return Object.assign(page, { server });
}

test(
  "a frame with every field set by hand, decoded as one types, and what the server makes of it",
  TIMEOUT,
  async (t) => {
    const page = await openLab(t);
    await field(page, "Opcode").selectOption("3");
    await field(page, "RSV2").check();
    await field(page, "Length in").selectOption("16");
    await field(page, "Masking key").fill("37 fa 21 3d");
    const decoded = lab(page).getByRole("region", { name: "Decoded" });
    for (const rule of ["reserved-data-opcode", "rsv2-without-extension", "length-not-minimal"]) {
      await decoded.getByRole("group", { name: `Violation: ${rule}` }).waitFor();
    }
    await decoded
      .getByRole("group", { name: /reserved-data/ })
      .getByText("RFC 6455, 5.2")
      .waitFor();
    // Drawn with the next frame of the screen.
    await decoded.locator(".byte-cells").filter({ hasText: "37fa213d" }).waitFor();
    assert.deepEqual((await decoded.getByRole("gridcell").allTextContents()).slice(0, 8), [
      "a3",
      "fe",
      "00",
      "05",
      "37",
      "fa",
      "21",
      "3d",
    ]);
    await queue(page)
      .getByText(/rsv2-without-extension/)
      .waitFor();

    await button(page, "Connect and send").click();
    await said(page, /close1002/)
      .first()
      .waitFor();
    await state(page).filter({ hasText: "Closed" }).waitFor();
    // Listed once, although the server taps it, too; and each line leads to its row.
    await ofKind(page, "end").nth(1).waitFor();
    assert.equal(await ofKind(page, "request").count(), 1);
    await said(page, /close1002/)
      .first()
      .getByRole("button")
      .click();
    await page.locator('[role=row][aria-selected="true"]').filter({ hasText: "1002" }).waitFor();
    const [sent] = await ofKind(page, "reserved 0x3").allInnerTexts();
    assert.match(sent, /C → S[\s\S]*Hello/);
  },
);

test("several frames, cut into writes, with pauses; compression as it was agreed on", TIMEOUT, async (t) => {
  const npm = await echoServer(t);
  const page = await openLab(t, ["--tunnel-to", `npm=${npm.url}`]);
  await lab(page).getByLabel("Server", { exact: true }).first().selectOption("npm");
  // A message in two fragments with a ping between, and then a compressed one.
  await field(page, "FIN").uncheck();
  await field(page, "Payload data").fill("Hel");
  await button(page, "Add frame").click();
  await field(page, "Opcode").selectOption("9");
  await field(page, "Payload data").fill("in between");
  await button(page, "Add frame").click();
  await field(page, "Opcode").selectOption("0");
  await field(page, "Payload").selectOption("base64");
  await field(page, "Payload data").fill("bG8=");
  await field(page, "Pause before, ms").fill("20");
  await button(page, "Add frame").click();
  await field(page, "Opcode").selectOption("1");
  await field(page, "Payload").selectOption("text");
  await field(page, "Payload data").fill("again and again and again and again");
  await button(page, "Connect").click();
  await state(page)
    .filter({ hasText: /^Open · compression/ })
    .waitFor();
  await field(page, "Compress, RSV1").check();
  await lab(page).getByLabel("Written", { exact: true }).selectOption("bytes");
  await button(page, "Send").click();
  await said(page, "again and again").nth(1).waitFor();
  assert.deepEqual(npm.seen.messages.map(String), ["Hello", "again and again and again and again"]);
  await said(page, "in between").nth(1).waitFor();
  await said(page, /4 frames in \d\d writes/).waitFor();
  assert.match(
    (await rows(page).filter({ hasText: "again and again" }).first().textContent()).replace(/\s+/g, " "),
    /1 100|FIN 1.*RSV/,
  );

  // A Close with its helper, split in the header; the server's answer, and then the end.
  for (let left = 3; left > 0; left--) await button(page, "Remove").click();
  await field(page, "Opcode").selectOption("8");
  await field(page, "Code").fill("4321");
  await field(page, "Reason").fill("that is all");
  await field(page, "FIN").check();
  await lab(page).getByLabel("Written", { exact: true }).selectOption("header");
  await button(page, "Send").click();
  await said(page, "1 frame in 3 writes").waitFor();
  await said(page, /close4321 that is all/)
    .nth(1)
    .waitFor();
  await state(page).filter({ hasText: "Closed" }).waitFor();
});

test("the opening handshake, by its parts and each byte by hand", TIMEOUT, async (t) => {
  const npm = await echoServer(t, { handleProtocols: (offered) => [...offered].at(-1) });
  const page = await openLab(t, ["--tunnel-to", `npm=${npm.url}`]);
  await lab(page).getByLabel("Server", { exact: true }).first().selectOption("npm");
  await lab(page).getByLabel("Path").first().fill("/somewhere?x=1");
  await lab(page).getByText("Opening handshake").click();
  await lab(page).getByLabel("Subprotocols").fill("one, two");
  await lab(page).getByLabel("Extensions offered").fill("");
  await lab(page).getByLabel("Further headers").fill("no header");
  await lab(page).getByText("“no header” is no header").waitFor();
  await button(page, "Connect").click();
  assert.equal(await state(page).textContent(), "No connection");
  await lab(page).getByLabel("Further headers").fill("Origin: https://example.org\nX-Twice: 1");
  await lab(page).getByLabel("The request as it goes out").getByText("X-Twice: 1").waitFor();
  await button(page, "Connect").click();
  await state(page).filter({ hasText: "Open · subprotocol two" }).waitFor();
  await button(page, "Close 1000").click();
  await said(page, "close1000").nth(1).waitFor();
  await state(page).filter({ hasText: "Closed" }).waitFor();
  // Both ends, and no reset.
  await ofKind(page, "end").filter({ hasText: "TCP FIN" }).nth(1).waitFor();
  const [{ url, headers }] = npm.seen.requests;
  assert.deepEqual([url, headers.origin, headers["x-twice"]], ["/somewhere?x=1", "https://example.org", "1"]);
  assert.equal(headers["sec-websocket-extensions"], undefined);

  await lab(page).getByLabel("By hand, each byte").check();
  const raw = lab(page).getByLabel(/^The request; /);
  assert.match(await raw.inputValue(), /^GET \{path\} HTTP\/1\.1\nHost: \{host\}\n[\s\S]*\{key\}/);
  await raw.fill((await raw.inputValue()).replace("Version: 13", "Version: 7"));
  await button(page, "Connect").click();
  await state(page).filter({ hasText: "Refused: HTTP/1.1 400" }).waitFor();
  await rows(page).filter({ hasText: "HTTP/1.1 400" }).waitFor();
  await raw.fill(" ");
  await lab(page).getByText("There is nothing to send.").waitFor();
});

test("what cannot be read is said at its field, and is not sent", TIMEOUT, async (t) => {
  const page = await openLab(t);
  const cases = [
    ["Masking key", "37fa21", "A masking key has four bytes, not 3."],
    ["Masking key", "37fa21zz", "“z” is no hex digit."],
    ["Claimed length", "many", "A length is a whole number"],
    ["Claimed length", "18446744073709551616", "at most 64 bits"],
    ["Pause before, ms", "-1", "A pause is a whole number from 0"],
    ["Pause before, ms", "", "A pause is a whole number from 0"],
  ];
  for (const [name, bad, says] of cases) {
    const control = field(page, name);
    const good = await control.inputValue();
    await control.fill(bad);
    await (await problem(control)).filter({ hasText: says }).waitFor();
    assert.equal(await control.getAttribute("aria-invalid"), "true", name);
    await button(page, "Connect and send").click();
    // It is looked at once the connection is open, and what was said of the field before may still stand there.
    await button(page, "Send").and(page.locator(":enabled")).waitFor();
    await page.getByText("Frame 1 cannot be sent").first().waitFor();
    assert.equal(await said(page, "Hello").count(), 0, name);
    await control.fill(good);
    await page.waitForFunction(
      (id) => document.getElementById(id)?.textContent === "",
      await control.getAttribute("aria-describedby"),
    );
    await button(page, "Cut").click();
  }
  await field(page, "Payload").selectOption("hex");
  for (const [as, bad, says] of [
    ["hex", "8", "an odd number of hex digits"],
    ["hex", "0g", "“g” is no hex digit."],
    ["base64", "a*b", "“*” is no base64."],
    ["base64", "abcde", "cut off"],
  ]) {
    await field(page, "Payload").selectOption(as);
    await field(page, "Payload data").fill(bad);
    await (await problem(field(page, "Payload data"))).filter({ hasText: says }).waitFor();
  }
  await field(page, "Payload").selectOption("file");
  await entry(page).getByText("No file was chosen.").waitFor();
  await field(page, "Payload").selectOption("text");
  await field(page, "Claimed length").fill("70000");
  await field(page, "Length in").selectOption("16");
  await (await problem(field(page, "Length in"))).filter({ hasText: "does not fit into 16 bits" }).waitFor();
  await field(page, "Length in").selectOption("minimal");
  await field(page, "Claimed length").fill("");
  await field(page, "Compress, RSV1").check();
  await (await problem(field(page, "Compress, RSV1"))).filter({ hasText: "No compression was agreed on" }).waitFor();
  await field(page, "Compress, RSV1").uncheck();
  await field(page, "Opcode").selectOption("8");
  await field(page, "Code").fill("99999");
  await (await problem(field(page, "Code"))).filter({ hasText: "from 0 to 65535" }).waitFor();
  await field(page, "Code").fill("1005");
  await entry(page).locator("span", { hasText: "no status: never sent" }).first().waitFor();
  await lab(page).getByLabel("Written", { exact: true }).selectOption("at");
  const at = lab(page).getByLabel("Bytes", { exact: true });
  await at.fill("2, x");
  await (await problem(at)).filter({ hasText: "“x” is no place to cut" }).waitFor();
  await button(page, "Add bytes").click();
  await entry(page).getByLabel("Bytes, as they go on the wire").fill("81 8");
  await entry(page).getByText("an odd number of hex digits").waitFor();
});

test("pasted bytes, a file, a length that lies, and what the next bytes are to the reader", TIMEOUT, async (t) => {
  const page = await openLab(t);
  const decoded = lab(page).getByRole("region", { name: "Decoded" });
  await button(page, "Add bytes").click();
  await entry(page).getByLabel("Bytes, as they go on the wire").fill("81 85 37fa213d 7f9f4d5158 89 80 00000000");
  await decoded.getByText("Frame 1 of 2").waitFor();
  await decoded.getByRole("button", { name: "The next frame" }).click();
  await decoded.getByText("Frame 2 of 2").waitFor();
  await decoded.locator('[data-field="opcode"]').filter({ hasText: "ping" }).first().waitFor();
  // The first frame takes the second in once it claims to be longer.
  await queue(page).getByRole("option").first().click();
  await field(page, "Claimed length").fill("200");
  await queue(page).getByRole("option").nth(1).click();
  await decoded.getByText("belong to the frame before").waitFor();
  await queue(page).getByRole("option").first().click();
  await field(page, "Claimed length").fill("");
  await field(page, "Payload").selectOption("file");
  await field(page, "Opcode").selectOption("2");
  await field(page, "Payload").selectOption("file");
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, at) => at & 255));
  await entry(page).locator("input[type=file]").setInputFiles({ name: "some.bin", mimeType: "", buffer: bytes });
  await entry(page).getByText("some.bin, 300").waitFor();
  await button(page, "Connect and send").click();
  await said(page, "(300 B").waitFor();
  await said(page, "Hello").waitFor();
  await said(page, "pong").waitFor();
});

test("compositions are kept under names, and what is kept and no composition does no harm", TIMEOUT, async (t) => {
  const page = await openLab(t);
  await field(page, "Payload data").fill("kept for later");
  await button(page, "Add frame").click();
  await field(page, "Opcode").selectOption("9");
  await lab(page).getByLabel("Name to save it under").fill("two frames");
  await button(page, "Save").click();
  await page.evaluate(() => {
    const key = "framescope.lab.saved";
    const kept = JSON.parse(localStorage.getItem(key));
    const bad = [
      null,
      7,
      ["x"],
      ["y", { items: "no" }],
      ["z", { items: [{ type: "frame", opcode: 99, fin: "yes", payloadAs: 4 }, 5], cut: "?", opening: [] }],
    ];
    localStorage.setItem(key, JSON.stringify([...bad, ...kept]));
  });
  await page.reload();
  await page.getByRole("tab", { name: "Lab", exact: true }).click();
  const names = lab(page).getByLabel("Saved compositions and examples");
  await names.waitFor();
  const saved = () => names.locator('optgroup[label="Saved"] option').allTextContents();
  assert.deepEqual(await saved(), ["two frames", "z"]);
  const holds = (count) =>
    queue(page)
      .and(page.locator(`:has(> li:nth-child(${count}):last-child)`))
      .waitFor();
  await names.selectOption({ label: "z" });
  await holds(1);
  await names.selectOption({ label: "two frames" });
  await holds(2);
  await page.waitForFunction(() => document.querySelector(".lab-payload")?.value === "kept for later");
  await button(page, "Forget").click();
  assert.deepEqual(await saved(), ["z"]);
  await page.evaluate(() => localStorage.setItem("framescope.lab.saved", "{garbage"));
  await page.reload();
  await page.getByRole("tab", { name: "Lab", exact: true }).click();
  await names.waitFor();
  assert.deepEqual(await saved(), []);
  // What there is to begin with: each can be made, and what is called broken is.
  for (const name of await names.locator('optgroup[label="Examples"] option').allTextContents()) {
    await names.selectOption({ label: name });
    // Drawn with the next frame of the screen.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const flaws = await queue(page).getByRole("option").filter({ hasText: "⚠" }).count();
    // Compression has to be agreed on first.
    const isFlawed = name.startsWith("Broken") || name === "A compressed message";
    assert.equal(flaws > 0, isFlawed, name);
  }
});

test("captured frames are sent again: as they were, edited, and a whole message", TIMEOUT, async (t) => {
  const npm = await echoServer(t);
  const page = await openLab(t, ["--tunnel-to", `npm=${npm.url}`]);
  // By another client, compressed.
  await page.getByRole("button", { name: "Open", exact: true }).click();
  const text = page.getByLabel("Message to send");
  for (const words of ["first of all, first of all", "and the second"]) {
    await text.fill(words);
    await page.getByRole("button", { name: "Send text" }).click();
    await rows(page).filter({ hasText: words }).nth(1).waitFor();
  }
  await page.getByRole("button", { name: "Send 256 KiB" }).click();
  // Back as well: the list follows what comes, and a row is clicked next.
  await rows(page)
    .filter({ hasText: "S → C" })
    .filter({ hasText: /262\D144/ })
    .waitFor();
  await lab(page).getByLabel("Server", { exact: true }).first().selectOption("npm");
  await rows(page).filter({ hasText: "first of all" }).first().click();
  await page.keyboard.press("r");
  await said(page, "first of all").waitFor();
  assert.equal(String(npm.seen.messages[0]), "first of all, first of all");

  await rows(page).filter({ hasText: "and the second" }).first().click();
  await page.keyboard.press("Shift+R");
  await page.waitForFunction(() => document.querySelector(".lab-payload")?.value === "and the second");
  assert.ok(await field(page, "Compress, RSV1").isChecked());
  await field(page, "Payload data").fill("and the second, edited");
  await page.keyboard.press("Control+Enter");
  await said(page, "edited").nth(1).waitFor();
  assert.equal(String(npm.seen.messages[1]), "and the second, edited");

  await ofKind(page, "continuation").filter({ hasText: "C → S" }).first().click();
  await page.keyboard.press("Control+K");
  await page.locator("#palette-input").fill("edit the whole message");
  await page.keyboard.press("Enter");
  await queue(page).getByRole("option").filter({ hasText: "text" }).first().waitFor();
  await page.waitForFunction(() => (document.querySelector(".lab-payload")?.value.length ?? 0) >= 256 * 1024);
  await button(page, "Send").click();
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll(".lab-log-line")].filter((line) => /262144 B/.test(line.textContent)).length >= 1,
  );
  assert.equal(npm.seen.messages[2].length, 256 * 1024);
});

test("a conversation is played again, and its answers compared", TIMEOUT, async (t) => {
  const other = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(other, "listening");
  t.after(() => {
    for (const socket of other.clients) socket.terminate();
    other.close();
  });
  // Answers otherwise than an echo: the second not at all, the third changed, one more at the end.
  other.on("connection", (socket) => {
    let count = 0;
    socket.on("message", (data) => {
      count += 1;
      const said = String(data);
      if (count === 1) socket.send(said.replace('"id":1', '"id":77'));
      if (count === 3) socket.send(said.replace("three", "drei"));
      if (count === 4) {
        socket.send(said);
        socket.send("one too many");
      }
    });
  });
  const page = await openLab(t, ["--tunnel-to", `other=ws://127.0.0.1:${other.address().port}/`]);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  const text = page.getByLabel("Message to send");
  for (const words of ['{"id":1,"name":"a"}', "two", "three", "four"]) {
    await text.fill(words);
    await page.getByRole("button", { name: "Send text" }).click();
    await rows(page).filter({ hasText: words }).nth(1).waitFor();
  }
  await rows(page).filter({ hasText: "two" }).first().click();
  await page.keyboard.press("Control+K");
  await page.locator("#palette-input").fill("replay");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("tabpanel", { name: "Replay" });
  const summary = panel.locator(".conformance-summary");
  await panel.getByLabel("Path").filter({ visible: true }).waitFor();
  assert.equal(await panel.getByLabel("Path").inputValue(), "/echo");

  // To the same server: the same answers.
  await panel.getByRole("button", { name: "Replay", exact: true }).click();
  await summary.filter({ hasText: "4 answers: 4 same." }).waitFor();
  // To another.
  await panel.getByLabel("Server", { exact: true }).selectOption("other");
  await panel.getByLabel("Pace").selectOption("time");
  await panel.getByLabel("Times").fill("fast");
  await panel.getByText("A number from 0 to 100.").waitFor();
  await panel.getByLabel("Times").fill("0.1");
  await panel.getByRole("button", { name: "Replay", exact: true }).click();
  await summary.filter({ hasText: "1 same, 2 differs, 1 missing, 1 extra" }).waitFor({ timeout: 30_000 });
  const table = panel.getByRole("table", { name: "Answers compared" });
  await table.getByText("id: 1 → 77").waitFor();
  await panel.getByLabel("Ignored in JSON").fill("id");
  await summary.filter({ hasText: "2 same, 1 differs, 1 missing, 1 extra" }).waitFor();
  await panel.getByLabel("Show", { exact: true }).selectOption("open");
  assert.equal(await table.locator("tbody tr").count(), 3);
  await table.getByRole("button", { name: "text one too many" }).click();
  await page.locator('[role=row][aria-selected="true"]').filter({ hasText: "one too many" }).waitFor();

  // Stopped in the middle of its time.
  await panel.getByLabel("Times").fill("100");
  await panel.getByRole("button", { name: "Replay", exact: true }).click();
  await panel
    .getByText(/0 of 4 frames sent|Reading/)
    .or(panel.getByRole("progressbar"))
    .first()
    .waitFor();
  await panel.getByRole("button", { name: "Stop" }).click();
  await summary.filter({ hasText: "Stopped." }).waitFor();
});

test("a server that goes in the middle, one that says nothing, and one that is not there", TIMEOUT, async (t) => {
  const npm = await echoServer(t);
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await once(mute, "listening");
  t.after(() => mute.close());
  const page = await openLab(
    t,
    [
      "--tunnel-to",
      `npm=${npm.url}`,
      "--tunnel-to",
      `mute=ws://127.0.0.1:${mute.address().port}/`,
      "--tunnel-to",
      "gone=ws://127.0.0.1:1/",
    ],
    { mayComplain: SERVER_GONE },
  );
  const choose = (name) => lab(page).getByLabel("Server", { exact: true }).first().selectOption(name);
  await choose("npm");
  await field(page, "Pause before, ms").fill("300");
  for (let more = 0; more < 4; more++) await button(page, "Duplicate").click();
  await button(page, "Connect and send").click();
  await said(page, "Hello").first().waitFor();
  for (const socket of npm.clients) socket.terminate();
  await said(page, "not sent").waitFor();
  await said(page, "closed").first().waitFor();
  await button(page, "Connect").waitFor();

  await choose("gone");
  await button(page, "Connect").click();
  await state(page)
    .filter({ hasText: /^Lost: / })
    .waitFor();
  await choose("mute");
  await button(page, "Connect").click();
  await state(page).filter({ hasText: "Opening" }).waitFor();
  await button(page, "Cut").click();
  await state(page).filter({ hasText: "Closed" }).waitFor();

  // Our own server, and the tunnel with it.
  await choose("This server");
  await button(page, "Connect").click();
  await state(page).filter({ hasText: /^Open/ }).waitFor();
  await page.server.kill9();
  await state(page)
    .filter({ hasText: /^Lost: / })
    .waitFor();
});

test("by keyboard, at phone width, in light and dark", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), `${url}/inspector`, PHONE);
  await page.getByRole("tab", { name: "Tools" }).click();
  await page.getByRole("tab", { name: "Lab", exact: true }).click();
  await queue(page).focus();
  await button(page, "Add frame").click();
  await queue(page).focus();
  await page.keyboard.press("ArrowUp");
  await queue(page).locator('[aria-selected="true"]').filter({ hasText: "1" }).waitFor();
  await page.keyboard.press("Delete");
  await queue(page).and(page.locator(":has(> li:only-child)")).waitFor();
  await field(page, "Payload data").fill("from a phone");
  await page.keyboard.press("Control+Enter");
  await said(page, "from a phone").nth(1).waitFor();
  await checkWidth(page);
  await checkAxe(page);
});
