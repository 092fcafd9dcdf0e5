// What the browser tests share: the program under test, people in browsers, and clients that are no browsers.
//
// Environment: FRAMESCOPE_PROGRAM, a program to test in place of the one that cargo builds; examples are looked for
// in `examples` beside it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Transform } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const PROGRAM = process.env.FRAMESCOPE_PROGRAM;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** A camera and a microphone that need no hardware, and nobody to allow them. */
const FAKE_MEDIA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/** Options of a page: a phone's. */
export const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** What the console of a page says when the server has gone, which is then no failure. */
export const SERVER_GONE =
  /ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)|WebSocket connection to/;

/** The password of everybody who is made up here. */
export const PASSWORD = "correct horse battery";

/** The path of what cargo builds, up to date. With all of the workspace's features, as `cargo test` builds it. */
function built(...what) {
  const args = [
    "build",
    "--quiet",
    "--workspace",
    "--all-features",
    "--message-format=json-render-diagnostics",
    ...what,
  ];
  const stdout = execFileSync("cargo", args, { cwd: root, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const messages = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const name = what.at(-1);
  return messages.findLast(({ executable, target }) => executable && target.name === name).executable;
}

/** The framescope program. */
export const program = () => PROGRAM ?? built("--bin", "framescope");

/** An example of framescope-tests. */
export const example = (name) => (PROGRAM ? join(dirname(PROGRAM), "examples", name) : built("--example", name));

/**
 * Starts the program on a free port, storing nothing. It ends with the test.
 *
 * @returns {Promise<TestServer>}
 */
export function startServer(t, flags = []) {
  return new TestServer(t, ["--in-memory", ...flags]).start();
}

/** The same with a folder to store in, so that it can be killed and started again. */
export function startStoringServer(t, flags = []) {
  const folder = mkdtempSync(join(tmpdir(), "framescope-"));
  const server = new TestServer(t, ["--data-dir", folder, ...flags]).start();
  t.after(() => rmSync(folder, { recursive: true }));
  return server;
}

/** Tests whose server is being taken away: what their pages still say of that is no failure. */
const over = new WeakSet();

class TestServer {
  #flags;
  /** The running process. */
  server;
  port = 0;

  constructor(t, flags) {
    this.#flags = flags;
    t.after(() => {
      over.add(t);
      return this.kill9();
    });
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it listens. */
  async start() {
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`, "--log", "warn", ...this.#flags];
    this.server = spawn(program(), args, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface(this.server.stdout);
    for await (const line of lines) {
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
      if (found) {
        this.port = Number(found[1]);
        // What else it prints must not fill the pipe.
        this.server.stdout.resume();
        return this;
      }
    }
    throw new Error("the server ended before it listened");
  }

  /** Takes the power away, and resolves once the process is no more. */
  async kill9() {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  }

  /** After `kill9`: the same port, the same flags, the same folder. */
  restart() {
    return this.start();
  }
}

/**
 * A browser, a process of its own, that ends with the test.
 *
 * With `fakeMedia` it has a camera and a microphone; with `killable` it has `kill9()`, as if its machine lost power; with
 * `blocksWindows` it lets a page open one window for each click, as people's browsers do.
 */
export async function startBrowser(t, { fakeMedia = false, killable = false, blocksWindows = false, flags = [] } = {}) {
  const args = [...FLAGS, ...(fakeMedia ? FAKE_MEDIA : []), ...flags];
  const ignoreDefaultArgs = blocksWindows ? ["--disable-popup-blocking"] : [];
  const options = { executablePath: "/usr/bin/chromium", args, ignoreDefaultArgs };
  if (!killable) {
    const browser = await chromium.launch(options);
    t.after(() => browser.close());
    return browser;
  }
  const process = await chromium.launchServer(options);
  t.after(() => process.kill());
  const browser = await chromium.connect(process.wsEndpoint());
  return Object.assign(browser, { kill9: () => process.kill() });
}

/**
 * A cable between browsers and a server: `cut()` takes all connections down and lets none through, `silence()` lets
 * nothing through and says so to nobody, `mend()` ends either. The server needs `--public-url` with the cable's `url`.
 *
 * With `rate`, it carries so many bytes a second each way on each connection, and each takes `delay` milliseconds at
 * least: the throttling of Chromium's own tools leaves WebSockets alone.
 *
 * @returns {Promise<Cable>}
 */
export async function startCable(t, { rate = Number.POSITIVE_INFINITY, delay = 0 } = {}) {
  const cable = new Cable(rate, delay);
  t.after(() => cable.end());
  return cable.start();
}

class Cable {
  /** The server's port. */
  to = 0;
  #server = createServer({ pauseOnConnect: true }, (near) => this.#join(near));
  #ends = new Set();
  /** Each browser's end with the server's. */
  #pairs = new Map();
  #stranded = new Set();
  #isCut = false;
  #isSilent = false;
  #rate;
  #delay;

  constructor(rate, delay) {
    this.#rate = rate;
    this.#delay = delay;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  #join(near) {
    if (this.#isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.to, "127.0.0.1");
    this.#pairs.set(near, far);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ]) {
      this.#ends.add(end);
      // What a cut connection complains of is said by its end.
      end.on("error", () => {});
      end.on("close", () => {
        this.#ends.delete(end);
        if (!this.#stranded.has(other)) other.destroy();
        this.#pairs.delete(end);
      });
      if (this.#rate < Number.POSITIVE_INFINITY) end.pipe(thin(this.#rate, this.#delay)).pipe(other);
      else end.pipe(other);
      if (this.#isSilent) end.pause();
    }
  }

  cut() {
    this.#isCut = true;
    for (const end of this.#ends) end.resetAndDestroy();
  }

  /** Takes the browsers' ends down, and the server does not notice: as when a machine loses its power. */
  strand() {
    for (const [near, far] of this.#pairs) {
      this.#stranded.add(far);
      near.unpipe(far);
      near.resetAndDestroy();
    }
  }

  /** Lets the server notice. */
  release() {
    for (const far of this.#stranded) far.destroy();
    this.#stranded.clear();
  }

  silence() {
    this.#isSilent = true;
    for (const end of this.#ends) end.pause();
  }

  mend() {
    this.#isCut = false;
    this.#isSilent = false;
    for (const end of this.#ends) end.resume();
  }

  end() {
    this.cut();
    this.release();
    this.#server.close();
  }
}

/** Lets so many bytes through in a second. */
function thin(rate, delay) {
  return new Transform({
    // No more than it takes is in it: who sends more has to wait.
    highWaterMark: 1024,
    async transform(chunk, _, done) {
      await pause(delay + (1000 * chunk.length) / rate);
      done(null, chunk);
    },
  });
}

/** A folder that ends with the test. */
export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "framescope-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A context of its own: cookies, storage, and so a person. */
export async function newPerson(browser, { permissions, ...options } = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  if (permissions) await context.grantPermissions(permissions);
  return context;
}

/**
 * A page of a session of its own, at `url`. Whatever it says on the console fails the test, but for what matches
 * `mayComplain`, and for the one thing every page asks: that a guest is a guest is no complaint.
 */
export async function openPage(t, browser, url, options = {}) {
  const { mayComplain, ...rest } = options;
  return openPageIn(t, await newPerson(browser, rest), url, { mayComplain });
}

/** The same in a context that there is: another tab of the same person. */
export async function openPageIn(t, context, url, { mayComplain } = {}) {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const said = [];
  page.on("console", (message) => {
    if (message.type() !== "error" || over.has(t)) return;
    const text = message.text();
    const isGuest = message.location().url.endsWith("/api/users/@me") && text.includes("401");
    if (!isGuest && !mayComplain?.test(text)) said.push(text);
  });
  page.on("pageerror", (error) => said.push(String(error)));
  t.after(() => {
    if (said.length > 0) throw new Error(`the page said: ${said.join("\n")}`);
  });
  await page.goto(url);
  return page;
}

/**
 * Has a page that lost the server try again now. It tries by itself, too, and once that succeeds the button is gone: so
 * it is pressed where it is there, and not waited for.
 */
export const tryNow = (page) => page.evaluate(() => document.querySelector(".banner-retry")?.click());

/** Registers somebody; fails if that name is taken. */
export async function register(url, username, password = PASSWORD) {
  const response = await fetch(`${url}/register`, {
    method: "POST",
    body: new URLSearchParams({ username, password }),
  });
  assert.equal(response.status, 201, `${username}: ${await response.text()}`);
}

/** Signs a context in, or the context of a page, without a page. */
export async function signIn(contextOrPage, url, username, password = PASSWORD) {
  const { request } = contextOrPage;
  const response = await request.post(`${url}/login`, { form: { username, password } });
  assert.equal(response.status(), 200, `${username}: ${await response.text()}`);
}

/** Signs in without a browser: the `Cookie` header of a session. */
export async function sessionOf(url, username, password = PASSWORD) {
  const response = await fetch(`${url}/login`, { method: "POST", body: new URLSearchParams({ username, password }) });
  assert.equal(response.status, 200, `${username}: ${await response.text()}`);
  const cookies = response.headers.getSetCookie().map((line) => line.split(";")[0]);
  return cookies.join("; ");
}

/** Registers somebody, signs them in, in a context of their own, and opens `path`. */
export async function openUser(t, browser, url, name, { path = "/", mayComplain, ...options } = {}) {
  await register(url, name);
  const context = await newPerson(browser, options);
  await signIn(context, url, name);
  return openPageIn(t, context, url + path, { mayComplain });
}

/** Fails if axe finds something serious on the page as it is now, in light or in dark. */
export async function checkAxe(page, what = page.url()) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const found = serious.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target).join(", ")}`);
    assert.deepEqual(found, [], `${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

/** Fails if the page can be scrolled sideways. */
export async function checkWidth(page, what = page.url()) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${what} is wider than its window`);
}

/** Opens our own native client: what goes over the wire goes through the codec, and not through a browser. */
export async function openWire(t, url, path = "/websocket", { cookie } = {}) {
  const address = url.replace("http:", "ws:") + path;
  const args = [address, ...(cookie ? [`Cookie: ${cookie}`] : [])];
  const wire = new Wire(spawn(example("lines"), args, { stdio: ["pipe", "pipe", "inherit"] }));
  t.after(() => wire.kill9());
  await once(wire, "opened");
  return wire;
}

/** Says "opened", "arrived" for each message, and "ended". */
class Wire extends EventEmitter {
  #process;
  #unread = [];
  /** How it ended, `{closed, reason}`; undefined as long as it has not. */
  ending;

  constructor(process) {
    super();
    this.#process = process;
    // A broken pipe is said by `ending`.
    process.stdin.on("error", () => {});
    const lines = createInterface(process.stdout);
    lines.on("line", (line) => {
      const value = JSON.parse(line);
      if (value === null) this.emit("opened");
      else if (typeof value === "string") this.#arrived(value);
      else this.ending = value;
    });
    lines.on("close", () => {
      this.ending ??= { closed: 1006, reason: "" };
      this.emit("ended");
      this.emit("arrived");
    });
  }

  #arrived(text) {
    this.#unread.push(text);
    this.emit("arrived");
  }

  /** Sends objects as JSON and strings as they are; resolves when there is room for more. */
  async send(...messages) {
    const lines = messages.map((message) =>
      JSON.stringify(typeof message === "string" ? message : JSON.stringify(message)),
    );
    if (!this.#process.stdin.write(`${lines.join("\n")}\n`)) await once(this.#process.stdin, "drain");
  }

  /** The next message that `matches`, parsed; those before it are dropped. */
  async next(matches = () => true, milliseconds = 20_000) {
    const signal = AbortSignal.timeout(milliseconds);
    const seen = [];
    for (;;) {
      while (this.#unread.length > 0) {
        const text = this.#unread.shift();
        const message = JSON.parse(text);
        if (matches(message)) return message;
        seen.push(text.slice(0, 200));
      }
      const before = () => `before: ${seen.slice(-5).join(" ") || "nothing"}`;
      if (this.ending) throw new Error(`closed with ${this.ending.closed}; ${before()}`);
      await once(this, "arrived", { signal }).catch(() => {
        throw new Error(`no such message in ${milliseconds} ms; ${before()}`);
      });
    }
  }

  /** Everything that came and was not looked at, parsed. */
  drain() {
    return this.#unread.splice(0).map((text) => JSON.parse(text));
  }

  /** Closes with 1000, and resolves with how it ended. */
  async close() {
    this.#process.stdin.end();
    if (!this.ending) await once(this, "ended");
    return this.ending;
  }

  /** Goes without a word. */
  kill9() {
    this.#process.kill("SIGKILL");
  }
}

/** Draws `count` strokes over the wire, and resolves once the last is stored. */
export async function seedStrokes(t, url, count) {
  const wire = await openWire(t, url);
  for (let at = 0; at < count; at += 500) {
    const part = Array.from({ length: Math.min(500, count - at) }, (_, place) => strokeOf(at + place));
    await wire.send(...part);
    // In step, so that neither end has to hold much; what is broadcast back is dropped.
    const last = part.at(-1).id;
    await wire.next(({ messageType, id }) => messageType === "stored" && id === last);
  }
  await wire.close();
}

/** A stroke that differs from all others with other numbers. */
export const strokeOf = (number) => ({
  messageType: "drawing",
  startX: number % 800,
  startY: Math.floor(number / 800) % 600,
  endX: (number + 7) % 800,
  endY: (Math.floor(number / 800) + 5) % 600,
  color: `hsl(${number % 360}, 70%, 45%)`,
  id: `seed-${number}`,
});

/** Sends these texts from one user to another, each stored before the next. */
export async function seedDirect(t, url, from, to, texts, password = PASSWORD) {
  const wire = await openWire(t, url, "/websocket", { cookie: await sessionOf(url, from, password) });
  // What has an id is taken once from each sender.
  const seeding = randomUUID();
  for (const [place, text] of texts.entries()) {
    const id = `${seeding}-${place}`;
    await wire.send({ messageType: "direct_message", targetUser: to, text, id });
    await wire.next(({ messageType, id: stored }) => messageType === "stored" && stored === id);
  }
  await wire.close();
}

/** Says these texts in a room, each stored before the next. */
export async function seedRoom(t, url, roomId, name, texts) {
  const wire = await openWire(t, url, "/chat");
  const seeding = randomUUID();
  await wire.send({ type: "room-connect", roomId, name });
  await wire.next(({ type }) => type === "room-connected");
  for (const [place, message] of texts.entries()) {
    const id = `${seeding}-${place}`;
    await wire.send({ type: "send-message", message, id });
    await wire.next(({ type, id: stored }) => type === "stored" && stored === id);
  }
  await wire.close();
}
