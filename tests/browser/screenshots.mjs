// Pictures of every page in every state, light and dark, desktop and phone: node tests/browser/screenshots.mjs OUT [STATE..]
//
// Each is OUT/STATE-PAGE-SCHEME-SIZE.png. States: guest, member (somebody signed in, with things to see), empty (signed in,
// alone on a new server), crowd (500 users, long names, much said), gone (the server was taken away from open pages), clients
// (what chat and ping-pong say by either client, of servers that are there and that are not).

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { start as startReference } from "../reference/server.mjs";
import {
  newPerson,
  openWire,
  PHONE,
  register,
  seedDirect,
  seedRoom,
  seedStrokes,
  sessionOf,
  signIn,
  startBrowser,
  startServer,
} from "./support.mjs";

const PAGES = {
  home: "/",
  "drawing-board": "/drawing-board",
  "direct-messaging": "/direct-messaging",
  "video-call": "/video-call",
  chat: "/chat",
  "test-websocket": "/test-websocket",
  "ping-pong": "/ping-pong",
  inspector: "/inspector",
  login: "/login",
  register: "/register",
  account: "/account",
  nowhere: "/nowhere",
};

const SIZES = { desktop: { viewport: { width: 1280, height: 800 } }, phone: PHONE };

const TEXTS = [
  "Good morning! Is the 3 o'clock still on?",
  "Yes. I sent the agenda to everybody yesterday: https://example.org/agenda?id=17&v=2",
  "Thanks 👍",
  "One thing: could we begin with the part about the harbour? The people from the port can only stay for half an hour, and they have waited for this since spring.",
  "مرحبا، كيف حالك؟",
  "supercalifragilisticexpialidocioussupercalifragilisticexpialidocioussupercalifragilisticexpialidocious",
  '<b>not bold</b> & "quoted"',
  "Of course.\nFirst the harbour,\nthen the rest.",
];

const ends = [];
/** In place of a test: what is to be ended in the end. */
const t = { after: (end) => ends.push(end) };

const [out, ...wanted] = process.argv.slice(2);
if (!out) throw new Error("usage: node tests/browser/screenshots.mjs OUT [STATE..]");
mkdirSync(out, { recursive: true });
const browser = await startBrowser(t, { fakeMedia: true });

/** The pages for a person, in both sizes and both schemes. What is `prepare`d is done once in each size. */
async function shoot(
  state,
  { url },
  { user, prepare = {}, sizes = Object.keys(SIZES), before, pages = PAGES, isWhole = false } = {},
) {
  for (const size of sizes) {
    const context = await newPerson(browser, { ...SIZES[size], reducedMotion: "reduce" });
    if (user) await signIn(context, url, user);
    const open = [];
    for (const name of Object.keys(pages)) {
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      await page.goto(url + pages[name]);
      await page.waitForLoadState("networkidle").catch(() => {});
      await prepare[name]?.(page).catch((error) =>
        console.log(`${state} ${name} ${size}: ${error.message.split("\n")[0]}`),
      );
      if (before) open.push([name, page]);
      else {
        await picture(page, state, name, size, isWhole);
        await page.close();
      }
    }
    await before?.();
    for (const [name, page] of open) {
      await page
        .locator("#banner")
        .filter({ visible: true })
        .waitFor()
        .catch(() => {});
      await picture(page, state, name, size);
    }
    await context.close();
  }
}

async function picture(page, state, name, size, fullPage = false) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(out, `${state}-${name}-${colorScheme}-${size}.png`), fullPage });
  }
}

const joinRoom = async (page) => {
  await page.getByRole("textbox", { name: "Room" }).fill("harbour");
  await page.getByLabel("Your name there").fill("Visitor");
  await page.getByRole("button", { name: "Join" }).click();
  await page.locator("#inside").waitFor();
};

const connect = async (page) => {
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByRole("button", { name: /Disconnect|Connect$/ }).waitFor();
};

/** So many pings, or messages, one every 30 ms. */
const play = (count) => async (page) => {
  await connect(page);
  await page.getByRole("button", { name: /^(Ping|Send a message)$/ }).click();
  await page.getByLabel(/^Every/).fill("30");
  const series = page.getByRole("button", { name: /^Keep/ });
  await series.click();
  await page.waitForFunction((most) => Number(document.getElementById("answered")?.textContent) >= most, count);
  await series.click();
};

const talkWith = (name) => async (page) => {
  await page.getByText(name, { exact: true }).first().click();
  await page.waitForLoadState("networkidle");
};

const states = {
  async guest() {
    await shoot("guest", await startServer(t));
  },
  async empty() {
    const server = await startServer(t);
    await register(server.url, "anna");
    await shoot("empty", server, { user: "anna", prepare: { chat: joinRoom, "ping-pong": connect } });
  },
  async member() {
    const server = await startServer(t);
    for (const name of ["anna", "ben", "Chloe", "dmitri.k"]) {
      await register(server.url, name);
    }
    await seedStrokes(t, server.url, 300);
    await seedDirect(t, server.url, "ben", "anna", TEXTS);
    await seedDirect(t, server.url, "anna", "ben", TEXTS.slice(0, 3));
    await seedRoom(t, server.url, "harbour", "Ben", TEXTS);
    await openWire(t, server.url, "/websocket", { cookie: await sessionOf(server.url, "ben") });
    const call = await callOf(server.url, "ben", "Monday round");
    PAGES.call = `/video-call/${call}`;
    await shoot("member", server, {
      user: "anna",
      prepare: { chat: joinRoom, "direct-messaging": talkWith("ben"), "ping-pong": play(40) },
    });
    delete PAGES.call;
  },
  async crowd() {
    const server = await startServer(t);
    await register(server.url, "anna");
    const names = Array.from({ length: 499 }, (_, at) =>
      at % 50 === 7 ? `thirty-two-characters-in-all-${at}` : `person-${at}`,
    );
    for (let at = 0; at < names.length; at += 8) {
      await Promise.all(names.slice(at, at + 8).map((name) => register(server.url, name)));
    }
    for (const name of names.slice(0, 12)) {
      await openWire(t, server.url, "/websocket", { cookie: await sessionOf(server.url, name) });
    }
    await seedStrokes(t, server.url, 5000);
    await seedDirect(t, server.url, "person-1", "anna", Array(30).fill(TEXTS).flat());
    await seedRoom(t, server.url, "harbour", "M".repeat(64), Array(30).fill(TEXTS).flat());
    for (const at of Array(30).keys()) await callOf(server.url, "anna", `Call ${at} ${"W".repeat(at)}`);
    await shoot("crowd", server, {
      user: "anna",
      prepare: { chat: joinRoom, "direct-messaging": talkWith("person-1") },
    });
  },
  async gone() {
    const server = await startServer(t);
    for (const size of Object.keys(SIZES)) {
      await register(server.url, "anna");
      const before = () => server.kill9();
      await shoot("gone", server, {
        user: "anna",
        sizes: [size],
        prepare: { chat: joinRoom, "ping-pong": play(10) },
        before,
      });
      await server.restart();
    }
  },
  async clients() {
    const reference = await startReference({ port: 0 });
    t.after(() => reference.close());
    const listed = { reference: reference.url, asleep: "ws://127.0.0.1:9/" };
    const flags = Object.entries(listed).flatMap(([name, url]) => ["--tunnel-to", `${name}=${url}`]);
    const windows = async (page) => {
      await page.getByRole("button", { name: "Open windows …" }).click();
      await page.getByRole("radio", { name: "4" }).check();
    };
    await shoot("clients", await startServer(t, flags), {
      isWhole: true,
      pages: {
        "ping-pong-wasm": "/ping-pong?server=reference&client=wasm",
        "ping-pong-browser": "/ping-pong?server=Framescope&client=browser",
        "ping-pong-asleep": "/ping-pong?server=asleep&client=wasm",
        "ping-pong-stranger": "/ping-pong?server=stranger&client=browser",
        "ping-pong-windows": "/ping-pong?name=Ada",
        "chat-door": "/chat?server=reference&client=wasm",
        "chat-room": "/chat?server=reference&client=wasm",
      },
      prepare: {
        "ping-pong-wasm": async (page) => {
          await play(60)(page);
          await page.getByText("One by one").click();
          await page.locator("#pong-frame .field").last().click();
        },
        "ping-pong-browser": play(60),
        "ping-pong-asleep": connect,
        "ping-pong-stranger": connect,
        "ping-pong-windows": windows,
        "chat-room": async (page) => {
          await joinRoom(page);
          await page.getByRole("button", { name: "Server and client" }).click();
        },
      },
    });
  },
};

async function callOf(url, user, name) {
  const response = await fetch(`${url}/api/video-calls`, {
    method: "POST",
    headers: { Cookie: await sessionOf(url, user), "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
  return (await response.json()).id;
}

try {
  for (const state of wanted.length > 0 ? wanted : Object.keys(states)) {
    console.log(state);
    await states[state]();
  }
} finally {
  for (const end of ends.reverse()) await end();
}
