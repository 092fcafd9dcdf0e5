// @ts-check
// Ping-pong: one text at a time over /echo, and how long each took.

import { hideBanner, showBanner } from "../lib/banner.js";
import { byId, grouped, on } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { endpoint, reconnecting } from "../lib/socket.js";

const PATH = "/echo";

/** Between one ball's return and the next in a rally: a person should be able to follow. */
const PAUSE_MS = 100;

/** Round trips kept for the figures. */
const KEPT = 1000;

const state = {
  /** @type {"trying" | "open" | "lost"} */
  connection: "trying",
  retryAt: 0,
  isRally: false,
  balls: 0,
  lost: 0,
  /** The ball in the air, and when it left. @type {{ text: string, since: number } | null} */
  ball: null,
  /** In milliseconds, the newest last. @type {number[]} */
  trips: [],
};

/** @type {WebSocket | null} */
let socket = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let next;

on(byId("ping", HTMLButtonElement), "click", ping);
on(byId("rally", HTMLButtonElement), "click", () => {
  state.isRally = !state.isRally;
  clearTimeout(next);
  ping();
  render();
});
on(byId("again", HTMLButtonElement), "click", () => {
  Object.assign(state, { balls: 0, lost: 0, trips: [] });
  render();
});
void startPage();

const { retry } = reconnecting(
  endpoint(PATH),
  {
    trying: () => become("trying"),
    open: (opened) => {
      socket = opened;
      become("open");
      if (state.isRally) ping();
    },
    message: pong,
    lost: (wait) => {
      socket = null;
      state.retryAt = Date.now() + wait;
      if (state.ball) state.lost += 1;
      state.ball = null;
      become("lost");
    },
  },
  new AbortController().signal,
);
render();

function ping() {
  if (!socket || state.connection !== "open" || state.ball) return;
  state.balls += 1;
  const text = `ping ${state.balls}`;
  state.ball = { text, since: performance.now() };
  socket.send(text);
  render();
}

/** @param {string | ArrayBuffer} data */
function pong(data) {
  const now = performance.now();
  if (!state.ball || data !== state.ball.text) return;
  state.trips.push(now - state.ball.since);
  state.trips = state.trips.slice(-KEPT);
  state.ball = null;
  if (state.isRally) next = setTimeout(ping, PAUSE_MS);
  render();
}

/** @param {"trying" | "open" | "lost"} connection */
function become(connection) {
  state.connection = connection;
  render();
}

function render() {
  const { connection, trips } = state;
  byId("live", HTMLElement).dataset.state = { trying: "trying", open: "live", lost: "lost" }[connection];
  setText("live-text", { trying: "Connecting", open: `Connected to ${PATH}`, lost: "Not connected" }[connection]);
  if (connection === "open") hideBanner("ping-pong");
  else if (connection === "lost")
    showBanner("ping-pong", { title: "The connection was lost.", retryAt: state.retryAt, retry });
  byId("ping", HTMLButtonElement).disabled = connection !== "open" || state.isRally;
  const rally = byId("rally", HTMLButtonElement);
  rally.disabled = connection !== "open" && !state.isRally;
  rally.setAttribute("aria-pressed", String(state.isRally));
  const sorted = trips.toSorted((one, other) => one - other);
  setText("score", score());
  setText("balls", grouped(state.balls));
  setText("lost", grouped(state.lost));
  setText("last", time(trips.at(-1)));
  setText("fastest", time(sorted[0]));
  setText("median", time(sorted[Math.floor(sorted.length / 2)]));
  setText("slowest", time(sorted.at(-1)));
}

/** What happened last, for those who do not see the table; in a rally it would be told ten times a second. */
function score() {
  if (state.isRally) return "Ball after ball";
  if (state.ball) return "The ball is in the air";
  const last = state.trips.at(-1);
  return last === undefined ? "No ball yet" : `Pong, after ${time(last)}`;
}

/** @param {number | undefined} milliseconds */
function time(milliseconds) {
  return milliseconds === undefined ? "" : `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`;
}

/** @param {string} id @param {string} words */
function setText(id, words) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== words) element.textContent = words;
}
