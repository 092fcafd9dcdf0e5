// The drawing board: people draw together, in browsers of their own, and nothing is lost or doubled.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { BOARD, fitted } from "../../www/drawing-board/geometry.js";
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
  seedStrokes,
  startBrowser,
  startCable,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };
const PATH = "/drawing-board";

/** Strokes the page has painted; NaN until all of the history is. */
const shownBy = async (page) => {
  const text = (await page.locator("#count").textContent()) ?? "";
  return text === "" ? Number.NaN : Number.parseInt(text.replace(/\s/g, ""), 10);
};

/** Waits until the page has painted so many. */
const shows = (page, count) =>
  page.waitForFunction(
    (wanted) => Number.parseInt(document.getElementById("count").textContent.replace(/\s/g, ""), 10) === wanted,
    count,
  );

/** Waits until the page has painted its first history. */
const isLoaded = (page) => page.waitForFunction(() => document.getElementById("count").textContent !== "");

/** Waits until the server has confirmed all that was drawn here. */
async function isSettled(page) {
  // What a hand drew last is handed on with the next picture, and counted with the one after it.
  for (let picture = 0; picture < 3; picture++) await page.evaluate(() => new Promise(requestAnimationFrame));
  await page.waitForFunction(
    () => document.getElementById("unsent").dataset.count === "0" && document.querySelector(".banner") === null,
  );
}

/** Where on the page a place of the board is, while all of it is shown. */
async function onPage(page, x, y) {
  const { x: left, y: top, width, height } = await page.locator("#board").boundingBox();
  const view = fitted(BOARD, { width, height });
  return [left + view.x + x * view.scale, top + view.y + y * view.scale];
}

/** Draws through these places of the board with the mouse. */
async function draw(page, ...places) {
  const { mouse } = page;
  const [first, ...rest] = places;
  await mouse.move(...(await onPage(page, ...first)));
  await mouse.down();
  for (const place of rest) await mouse.move(...(await onPage(page, ...place)), { steps: 8 });
  await mouse.up();
}

/** The colour of the page at a place of the board, as `#rrggbb`. */
async function colourAt(page, x, y) {
  const [left, top] = await onPage(page, x, y);
  const clip = { x: Math.floor(left), y: Math.floor(top), width: 1, height: 1 };
  return firstPixel(page, await page.screenshot({ clip }));
}

/** The colour of a pixel in a PNG, as a browser reads it, with how large that is. */
async function firstPixel(page, png, x = 0, y = 0) {
  const { colour } = await pictured(page, png, x, y);
  return colour;
}

function pictured(page, png, x, y) {
  return page.evaluate(
    async ({ base64, at }) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const rgb = [...context.getImageData(at.x, at.y, 1, 1).data].slice(0, 3);
      const colour = `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
      return { colour, width: image.width, height: image.height };
    },
    { base64: png.toString("base64"), at: { x, y } },
  );
}

/** Waits until a place of the board has a colour. */
async function isColoured(page, x, y, wanted) {
  let colour = "";
  for (let tries = 0; tries < 100; tries++) {
    colour = await colourAt(page, x, y);
    if (colour === wanted) return;
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  assert.equal(colour, wanted, `at ${x}, ${y}`);
}

/** What the server has, as it tells somebody who comes now. */
async function history(t, url) {
  const wire = await openWire(t, url);
  const { strokes } = await wire.next(({ messageType }) => messageType === "init_strokes");
  await wire.close();
  return strokes;
}

/** Fails if a segment of our own pages is there twice, or one is missing between two others. */
function checkGestures(strokes) {
  const parts = new Map();
  for (const { gesture, part } of strokes) {
    assert.equal(typeof gesture, "string");
    parts.set(gesture, [...(parts.get(gesture) ?? []), part]);
  }
  for (const [gesture, found] of parts)
    assert.deepEqual(
      found,
      Array.from(found, (_, place) => place),
      `parts of ${gesture}`,
    );
  return parts;
}

const pick = (page, name) => page.getByRole("radio", { name, exact: true }).check();

test("what one draws, all see at once, with the names of who is there", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openUser(t, await startBrowser(t), url, "ada", { path: PATH });
  const bob = await openUser(t, await startBrowser(t), url, "bob", { path: PATH });
  const guest = await openPage(t, await startBrowser(t), url + PATH);
  for (const page of [ada, bob, guest]) {
    await page.getByRole("button", { name: "Online: ada, bob" }).waitFor();
    await shows(page, 0);
  }
  await guest.getByText("Nothing is drawn here yet").waitFor();

  await pick(ada, "Red");
  await pick(ada, "Thick");
  await draw(ada, [100, 100], [500, 100], [500, 400]);
  await isColoured(ada, 300, 100, "#d92626");
  await isSettled(ada);
  const strokes = await history(t, url);
  assert.equal(checkGestures(strokes).size, 1, "one movement");
  for (const page of [ada, bob, guest]) {
    await shows(page, strokes.length);
    await isColoured(page, 300, 100, "#d92626");
    await isColoured(page, 500, 300, "#d92626");
  }
  assert.equal(await guest.getByText("Nothing is drawn here yet").isVisible(), false);

  // Two at the same time, over one another.
  await pick(bob, "Blue");
  await pick(bob, "Broad");
  await Promise.all([draw(ada, [50, 50], [700, 550], [50, 500]), draw(bob, [700, 50], [50, 550], [700, 500])]);
  await Promise.all([isSettled(ada), isSettled(bob)]);
  const more = await history(t, url);
  assert.equal(checkGestures(more).size, 3);
  for (const page of [ada, bob, guest]) await shows(page, more.length);
  // What is counted is painted, and comes to the screen with a later picture.
  let pictures = [];
  for (let tries = 0; tries < 100 && (tries === 0 || new Set(pictures).size > 1); tries++)
    pictures = await Promise.all([ada, bob, guest].map((page) => colourAt(page, 375, 300)));
  assert.deepEqual(pictures, [pictures[0], pictures[0], pictures[0]], "who is on top is the same for everybody");

  await bob.context().close();
  for (const page of [ada, guest]) await page.getByRole("button", { name: "Online: ada", exact: true }).waitFor();
  await ada.reload();
  await shows(ada, more.length);
  await isColoured(ada, 300, 100, "#d92626");
});

test("strokes of other people's pages land where they were drawn", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), url + PATH);
  await isLoaded(page);
  const wire = await openWire(t, url);
  const line = (startX, startY, endX, endY, color, more) => ({
    messageType: "drawing",
    startX,
    startY,
    endX,
    endY,
    color,
    ...more,
  });
  await wire.send(
    line(0, 300, 800, 300, "rebeccapurple", { width: 30 }),
    line(400.5, -1e300, 400.5, 1e300, "#0f0", { width: 1e9 }),
    line(10, 10, 10, 10, "hsl(200, 80%, 40%)"),
    line(1, 1, 2, 2, "#1234", { width: "wide", gesture: 7, part: {} }),
  );
  await shows(page, 4);
  await isColoured(page, 200, 300, "#663399");
  await isColoured(page, 400, 100, "#00ff00");
  await isColoured(page, 600, 300, "#663399");
  const zoom = () => page.locator("#scale").textContent();
  const before = await zoom();
  // A larger canvas than the board: the board grows to show what was drawn there.
  await wire.send(line(1200, 700, 1201, 701, "black"));
  await shows(page, 5);
  await page.waitForFunction((was) => document.getElementById("scale").textContent !== was, before);
  assert.ok(Number.parseInt(await zoom(), 10) < Number.parseInt(before, 10));
});

test("one can draw with keys, with a colour of one's own, and take the picture home", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), url + PATH);
  await isLoaded(page);
  await page.getByLabel("Another colour").fill("#123456");
  const board = page.getByRole("application", { name: "Drawing board" });
  await board.focus();
  const { keyboard } = page;
  await keyboard.press("]");
  await keyboard.down(" ");
  for (let step = 0; step < 10; step++) await keyboard.press("ArrowRight");
  await keyboard.up(" ");
  for (let step = 0; step < 3; step++) await keyboard.press("ArrowDown");
  await keyboard.press("3");
  await keyboard.press("Enter");
  for (let step = 0; step < 5; step++) await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await isSettled(page);
  await isColoured(page, 450, 300, "#123456");
  await isColoured(page, 500, 350, "#d92626");
  await isColoured(page, 500, 315, "#ffffff");
  assert.equal(checkGestures(await history(t, url)).size, 2);

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save as PNG" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "drawing-board.png");
  const png = await readFile(await download.path());
  const { colour, width, height } = await pictured(page, png, 900, 600);
  assert.deepEqual({ colour, width, height }, { colour: "#123456", width: 1600, height: 1200 });
  assert.equal(await firstPixel(page, png), "#ffffff");
});

test("a phone draws with several fingers, and moves the board with two", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), url + PATH, PHONE);
  await isLoaded(page);
  await checkWidth(page);
  await checkAxe(page);
  const fingers = await page.context().newCDPSession(page);
  const touch = (type, ...places) =>
    fingers.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: places.map(([x, y], id) => ({ x, y, id })),
    });
  const path = async (...ends) => {
    const [from, to] = await Promise.all(ends.map((places) => Promise.all(places.map((at) => onPage(page, ...at)))));
    const between = (part) => from.map(([x, y], id) => [x + (to[id][0] - x) * part, y + (to[id][1] - y) * part]);
    await touch("touchStart", ...from);
    for (let step = 1; step <= 12; step++) await touch("touchMove", ...between(step / 12));
    await touch("touchEnd");
  };
  await pick(page, "Green");
  await pick(page, "Broad");
  await path(
    [
      [100, 100],
      [100, 400],
    ],
    [
      [700, 100],
      [700, 400],
    ],
  );
  await isSettled(page);
  await isColoured(page, 400, 100, "#2a9d4e");
  await isColoured(page, 400, 400, "#2a9d4e");
  const strokes = await history(t, url);
  assert.equal(checkGestures(strokes).size, 2);
  await shows(page, strokes.length);

  await page.getByRole("radio", { name: "Move the board" }).check();
  const zoom = async () => Number.parseInt(await page.locator("#scale").textContent(), 10);
  const before = await zoom();
  await path(
    [
      [380, 300],
      [420, 300],
    ],
    [
      [200, 300],
      [600, 300],
    ],
  );
  await page.waitForFunction(
    (was) => Number.parseInt(document.getElementById("scale").textContent, 10) > was * 3,
    before,
  );
  await page.getByRole("button", { name: /Show the whole board/ }).tap();
  await page.waitForFunction(
    (was) => Number.parseInt(document.getElementById("scale").textContent, 10) === was,
    before,
  );
  assert.equal((await history(t, url)).length, strokes.length, "moving draws nothing");
});

test("a line that the network swallowed is sent when it is back, once", TIMEOUT, async (t) => {
  const cable = await startCable(t);
  const server = await startServer(t, ["--public-url", cable.url]);
  cable.to = server.port;
  const page = await openPage(t, await startBrowser(t), cable.url + PATH, { mayComplain: SERVER_GONE });
  const other = await openWire(t, server.url);
  await isLoaded(page);
  await draw(page, [100, 100], [300, 100]);
  await isSettled(page);

  // The line is on its way when the connection falls silent, and then is gone: nobody knows what arrived.
  cable.silence();
  await draw(page, [100, 200], [300, 200]);
  cable.cut();
  await page.getByText("The connection was lost.").waitFor();
  await draw(page, [100, 300], [300, 300]);
  await page
    .getByText(/strokes? not sent yet/)
    .first()
    .waitFor();
  await isColoured(page, 200, 300, "#16181c");
  await other.send({ messageType: "drawing", startX: 0, startY: 400, endX: 800, endY: 400, color: "lime", width: 20 });
  cable.mend();
  await tryNow(page);
  await isSettled(page);
  const strokes = await history(t, server.url);
  const ours = strokes.filter(({ color }) => color !== "lime");
  assert.equal(checkGestures(ours).size, 3);
  await shows(page, strokes.length);
  for (const y of [100, 200, 300]) await isColoured(page, 200, y, "#16181c");
  await isColoured(page, 200, 400, "#00ff00");
});

test("what was drawn while the page was without a server outlives a reload of the page", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const page = await openPage(t, await startBrowser(t), server.url + PATH, { mayComplain: SERVER_GONE });
  await isLoaded(page);
  await draw(page, [100, 100], [300, 100]);
  await isSettled(page);
  const { length } = await history(t, server.url);
  await server.kill9();
  await draw(page, [100, 200], [300, 200]);
  await page
    .getByText(/strokes? not sent yet/)
    .first()
    .waitFor();
  await server.restart();
  await page.reload();
  await isLoaded(page);
  await isSettled(page);
  await isColoured(page, 200, 200, "#16181c");
  const strokes = await history(t, server.url);
  assert.ok(strokes.length > length);
  assert.equal(checkGestures(strokes).size, 2);
  await shows(page, strokes.length);
});

test("a server killed while people draw loses nothing that was shown", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const { url } = server;
  const names = ["ada", "bob", "carol"];
  const pages = [];
  for (const name of names)
    pages.push(await openUser(t, await startBrowser(t), url, name, { path: PATH, mayComplain: SERVER_GONE }));
  for (const page of pages) await isLoaded(page);
  const seen = [];
  for (let round = 0; round < 2; round++) {
    const watcher = await openWire(t, url);
    await watcher.next(({ messageType }) => messageType === "init_strokes");
    const drawing = pages.map(async (page, place) => {
      for (let line = 0; line < 4; line++) {
        const y = 40 + place * 180 + round * 80 + line * 15;
        await draw(page, [20, y], [400, y + 60], [780, y]);
      }
    });
    // In the middle of it: somebody has seen at least these.
    for (let count = 0; count < 120; count++)
      seen.push(await watcher.next(({ messageType }) => messageType === "drawing"));
    await server.kill9();
    seen.push(...watcher.drain().filter(({ messageType }) => messageType === "drawing"));
    await server.restart();
    await Promise.all(drawing);
    for (const page of pages) await isSettled(page);
  }
  const strokes = await history(t, url);
  const gestures = checkGestures(strokes);
  assert.equal(gestures.size, 2 * 3 * 4, "every movement, each once");
  const keys = new Set(strokes.map(({ gesture, part }) => `${gesture}/${part}`));
  assert.equal(keys.size, strokes.length, "nothing twice");
  for (const { gesture, part } of seen) assert.ok(keys.has(`${gesture}/${part}`), "what was shown is there");
  for (const page of pages) {
    await shows(page, strokes.length);
    await page.getByRole("button", { name: "Online: ada, bob, carol" }).waitFor();
  }
});

test("a board of a hundred thousand strokes is shown, and drawn on", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await seedStrokes(t, url, 100_000);
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  await context.addInitScript(() => {
    window.longest = 0;
    const watch = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    });
    watch.observe({ type: "longtask", buffered: true });
  });
  const page = await context.newPage();
  t.after(() => context.close());
  const began = Date.now();
  await page.goto(url + PATH);
  await shows(page, 100_000);
  const took = Date.now() - began;
  const longest = Math.round(await page.evaluate(() => window.longest));
  t.diagnostic(`all shown after ${took} ms; the longest task of the page took ${longest || "less than 50"} ms`);
  await pick(page, "White");
  await pick(page, "Broad");
  await draw(page, [100, 100], [700, 100]);
  await isColoured(page, 400, 100, "#ffffff");
  await isSettled(page);
  const strokes = await history(t, url);
  assert.ok(strokes.length > 100_000);
  await shows(page, strokes.length);
  // A window of another size shows the same.
  await page.setViewportSize({ width: 700, height: 900 });
  await isColoured(page, 400, 100, "#ffffff");
  assert.equal(await shownBy(page), strokes.length);
});

test("a browser whose workers have no canvas draws as well", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  t.after(() => context.close());
  await context.addInitScript(() => {
    delete HTMLCanvasElement.prototype.transferControlToOffscreen;
  });
  const page = await openPageIn(t, context, url + PATH);
  await isLoaded(page);
  const other = await openWire(t, url);
  await pick(page, "Orange");
  await draw(page, [100, 100], [700, 100]);
  await isColoured(page, 400, 100, "#f08a00");
  await other.send({ messageType: "drawing", startX: 0, startY: 300, endX: 800, endY: 300, color: "navy", width: 9 });
  await isColoured(page, 400, 300, "#000080");
  await isSettled(page);
  await shows(page, (await history(t, url)).length);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save as PNG" }).click(),
  ]);
  assert.equal(await firstPixel(page, await readFile(await download.path()), 800, 600), "#000080");
});

test("five hundred people fit beside the board", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t);
  const users = Array.from({ length: 500 }, (_, place) => ({ username: `person-${place}-${"x".repeat(place % 20)}` }));
  for (const options of [{}, PHONE]) {
    const context = await newPerson(browser, options);
    // Without it, the connection is the page's, and can be played here.
    await context.addInitScript(() => {
      delete HTMLCanvasElement.prototype.transferControlToOffscreen;
    });
    await context.routeWebSocket("**/websocket", (socket) => {
      socket.send(JSON.stringify({ messageType: "init_strokes", strokes: [] }));
      socket.send(JSON.stringify({ messageType: "active_users_list", users }));
    });
    const page = await openPageIn(t, context, url + PATH);
    await checkWidth(page);
    await page.getByRole("button", { name: /^Online: person-0-.* and 496 more$/ }).click();
    const people = page.getByRole("group", { name: "Online" }).getByRole("listitem");
    assert.equal(await people.count(), 500);
    await people.last().scrollIntoViewIfNeeded();
    await checkAxe(page);
  }
});

test("axe finds nothing on the board, in its keys and in who is online", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), url + PATH);
  await isLoaded(page);
  await checkAxe(page);
  await page.getByRole("button", { name: "Drawing with the keyboard" }).click();
  await checkAxe(page, "the keys");
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Nobody is signed in" }).click();
  await page.getByText("Guests draw without a name.").waitFor();
  await checkAxe(page, "who is online");
});
