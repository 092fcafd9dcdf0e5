// @ts-check
// The test page: sends texts of any size over /websocket or /echo and compares what comes back.

import { hideBanner, showBanner } from "../lib/banner.js";
import { byId, el, grouped, on, setText, size } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { endpoint, reconnecting } from "../lib/socket.js";

/** @import { BoardHeard, BoardSaid } from "../lib/protocol.js" */

/**
 * @typedef {object} Test
 * @property {number} number
 * @property {string} endpoint
 * @property {string} text
 * @property {number} sentLength bytes of the message sent, and of the answer
 * @property {number | null} heardLength
 * @property {number} sentAt
 * @property {number | null} tripMs
 * @property {{ isGood: boolean, words: string } | null} outcome
 */

/** Sizes on either side of each change in how a length is written, and the echo's limits. */
const SIZES = [0, 1, 125, 126, 1024, 65_535, 65_536, 128 * 1024, 1024 * 1024];

/** Rows kept. */
const SHOWN = 100;

const state = {
  path: "/websocket",
  /** @type {"trying" | "open" | "lost"} */
  connection: "trying",
  retryAt: 0,
  /** The newest in front. @type {Test[]} */
  tests: [],
  count: 0,
};

/** @type {WebSocket | null} */
let socket = null;
let life = new AbortController();
/** Tries at once instead of waiting. */
let retryNow = () => {};

const form = byId("send", HTMLFormElement);
const text = byId("text", HTMLInputElement);
const path = byId("endpoint", HTMLSelectElement);

byId("sizes", HTMLElement).append(...SIZES.map(sizeButton));
on(form, "submit", (event) => {
  event.preventDefault();
  send(text.value);
});
on(path, "change", connect);
void startPage();
connect();

/** @param {number} bytes */
function sizeButton(bytes) {
  const button = el("button", { type: "button", "data-bytes": bytes }, sizeName(bytes));
  on(button, "click", () => send(textOf(bytes)));
  return button;
}

/** Exact, as these sizes lie on either side of a change. @param {number} bytes */
function sizeName(bytes) {
  if (bytes === 0) return "empty";
  return bytes >= 1024 && bytes % 1024 === 0 && bytes !== 65_536 ? size(bytes) : `${grouped(bytes)}\u00A0B`;
}

/** @param {number} bytes */
function textOf(bytes) {
  const line = "The quick brown fox jumps over the lazy dog. ";
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
}

function connect() {
  life.abort();
  life = new AbortController();
  state.path = path.value;
  state.connection = "trying";
  const { retry } = reconnecting(
    endpoint(state.path),
    {
      trying: () => become("trying"),
      open: (opened) => {
        socket = opened;
        become("open");
      },
      message: heard,
      lost: (wait, event) => {
        socket = null;
        state.retryAt = Date.now() + wait;
        failPending(`connection lost (${event.code}${event.reason ? ` ${event.reason}` : ""})`);
        become("lost");
      },
    },
    life.signal,
  );
  failPending("endpoint changed");
  retryNow = retry;
  render();
}

/** @param {"trying" | "open" | "lost"} connection */
function become(connection) {
  state.connection = connection;
  render();
}

/** @param {string} words */
function send(words) {
  if (!socket || state.connection !== "open") return;
  /** @type {BoardSaid} */
  const said = { messageType: "echo_client", text: words };
  const message = state.path === "/echo" ? words : JSON.stringify(said);
  state.count += 1;
  state.tests.unshift({
    number: state.count,
    endpoint: state.path,
    text: words,
    sentLength: bytesOf(message),
    heardLength: null,
    sentAt: performance.now(),
    tripMs: null,
    outcome: null,
  });
  state.tests.length = Math.min(state.tests.length, SHOWN);
  socket.send(message);
  render();
}

/** @param {string | ArrayBuffer} data */
function heard(data) {
  const now = performance.now();
  // Answers come in the order of the questions.
  const test = state.tests.findLast(({ outcome }) => outcome === null);
  if (!test || !isAnswer(test, data)) return;
  test.tripMs = now - test.sentAt;
  test.heardLength = typeof data === "string" ? bytesOf(data) : data.byteLength;
  test.outcome = judge(test, data);
  render();
}

/**
 * `/websocket` also tells of strokes and of who is online, whether somebody asked or not.
 *
 * @param {Test} test @param {string | ArrayBuffer} data
 */
function isAnswer(test, data) {
  if (test.endpoint === "/echo" || typeof data !== "string") return true;
  const tag = parsed(data)?.messageType;
  return tag === "echo_server" || tag === "error";
}

/** @param {Test} test @param {string | ArrayBuffer} data */
function judge(test, data) {
  if (typeof data !== "string") return { isGood: false, words: "binary, where text was sent" };
  if (test.endpoint === "/echo") return compared(test.text, data);
  const answer = parsed(data);
  if (answer?.messageType === "echo_server") return compared(test.text, answer.text);
  if (answer?.messageType === "error") return { isGood: false, words: `error: ${answer.error}` };
  return { isGood: false, words: "an answer that is no echo_server" };
}

/**
 * @param {string} data
 * @returns {BoardHeard | null}
 */
function parsed(data) {
  try {
    // The cast: what the server says is checked by its tag where it is used.
    return /** @type {BoardHeard} */ (JSON.parse(data));
  } catch {
    return null;
  }
}

/** @param {string} sent @param {string} heardText */
function compared(sent, heardText) {
  if (sent === heardText)
    return { isGood: true, words: sent.length > 60 ? "the same text" : sent === "" ? "the same, empty" : heardText };
  return { isGood: false, words: `differs: ${heardText.slice(0, 60)}` };
}

/** @param {string} words */
function failPending(words) {
  for (const test of state.tests) test.outcome ??= { isGood: false, words };
}

/** @param {string} words */
function bytesOf(words) {
  return new TextEncoder().encode(words).length;
}

/**
 * How a payload length is written in a frame header.
 *
 * @param {number} length
 */
function lengthForm(length) {
  if (length < 126) return "7 bits";
  return length < 65_536 ? "16 bits" : "64 bits";
}

function render() {
  const isOpen = state.connection === "open";
  byId("live", HTMLElement).dataset.state = { trying: "trying", open: "live", lost: "lost" }[state.connection];
  setText(
    "live-text",
    { trying: "Connecting", open: `Connected to ${state.path}`, lost: "Not connected" }[state.connection],
  );
  byId("send-text", HTMLButtonElement).disabled = !isOpen;
  for (const button of document.querySelectorAll("[data-bytes]"))
    if (button instanceof HTMLButtonElement) button.disabled = !isOpen;
  renderBanner();
  const done = state.tests.filter(({ outcome }) => outcome !== null);
  const good = done.filter(({ outcome }) => outcome?.isGood);
  setText(
    "summary",
    state.tests.length === 0 ? "None yet" : `${good.length} of ${state.tests.length} came back the same`,
  );
  byId("answers", HTMLElement).replaceChildren(...state.tests.map(row));
}

function renderBanner() {
  if (state.connection === "open") hideBanner("test");
  else if (state.connection === "lost")
    showBanner("test", { title: "The connection was lost.", retryAt: state.retryAt, retry: () => retryNow() });
}

/** @param {Test} test */
function row(test) {
  const sent = lengthForm(test.sentLength);
  const lengths = test.heardLength === null ? sent : `${sent}, back ${lengthForm(test.heardLength)}`;
  const { outcome } = test;
  const answer = outcome
    ? el("span", { class: outcome.isGood ? "outcome-good" : "outcome-bad" }, `${outcome.isGood ? "✓" : "⚠"} `)
    : null;
  return el(
    "tr",
    {},
    el("td", { class: "number" }, String(test.number)),
    el("td", {}, el("code", {}, test.endpoint)),
    el("td", { class: "number", title: `${grouped(test.sentLength)} bytes of payload` }, sizeName(bytesOf(test.text))),
    el("td", {}, lengths),
    el("td", { class: "answer" }, answer, outcome?.words ?? "waiting"),
    el("td", { class: "number" }, test.tripMs === null ? "" : `${test.tripMs.toFixed(test.tripMs < 10 ? 2 : 1)} ms`),
  );
}
