// @ts-check
// Ping-pong: pings over a connection of our own client, how long their pongs took, and both frames; with the browser's
// client, which cannot ping, messages in their place.

import { hideBanner, showBanner } from "../lib/banner.js";
import { CLIENTS, OWN, openChoice } from "../lib/choice.js";
import { theModule } from "../lib/client-socket.js";
import { byId, closestWith, el, on, setText } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { isOpenedWindow } from "../lib/tab.js";
import { toast } from "../lib/toast.js";
import { offerWindows } from "../lib/windows.js";
import { FramesPane, readFrame } from "./frames.js";
import { Link } from "./link.js";
import { Log } from "./log.js";
import { rememberConnected, wasConnected } from "./memory.js";
import { asText, PAYLOAD_MAX, payloadOf, payloadWords, toHex } from "./payload.js";
import { Rally } from "./rally.js";
import { TripsPane } from "./trips.js";
import { endingWords, lossTitle, refusalWords, time } from "./words.js";

/** @import { Choice } from "../lib/choice.js" */
/** @import { Direction } from "../pkg/client/framescope_wasm.js" */
/** @import { LinkState } from "./link.js" */
/** @import { Form } from "./payload.js" */
/** @import { Ping } from "./rally.js" */

/** A series waits for its answers with this many on their way, so that a slow server is not buried. */
const WAITING_MAX = 32;
/** How often a series may ping, in milliseconds. */
const EVERY = { least: 20, most: 60_000 };

const state = {
  rally: new Rally(),
  /** Payloads leave by themselves. */
  isSeries: false,
  /** What was connected to last. @type {Choice | null} */
  choice: null,
  /** Why the last try came to nothing. */
  trouble: "",
  payloadTrouble: "",
  /** What happened to the last ping, for those who do not see the table. */
  score: "Nothing sent yet",
  /** The window's name, where it has one. */
  name: new URLSearchParams(location.search).get("name") ?? "",
};

/** @type {ReturnType<typeof setInterval> | undefined} */
let series;
let isRendering = false;
const usualTitle = document.title;

const { signal } = new AbortController();
const payload = byId("payload", HTMLInputElement);
const form = byId("form", HTMLSelectElement);
const every = byId("every", HTMLInputElement);
const log = new Log(byId("log-scroller", HTMLElement), byId("log", HTMLElement));
const frames = new FramesPane(renderSoon, signal);
const trips = new TripsPane((ping) => {
  frames.hold(ping);
  renderSoon();
}, signal);
const link = new Link({ state: linkChanged, message: heard, pong, ping: serverPinged, frame });
const choice = openChoice({
  usual: "wasm",
  changed: () => {
    state.trouble = "";
    if (link.isUp) connect();
    renderSoon();
  },
  signal,
});

listen();
render();
void startPage();
if (wasConnected() || isOpenedWindow()) void choice.ready.then(connect);

function listen() {
  on(byId("connect", HTMLButtonElement), "click", () => {
    if (link.isUp) link.disconnect();
    else if (choice.isKnown) connect();
    else void choice.ready.then(connect);
  });
  on(byId("ping-form", HTMLFormElement), "submit", (event) => {
    event.preventDefault();
    if (link.state.name === "open") send();
  });
  on(byId("series", HTMLButtonElement), "click", () => setSeries(!state.isSeries));
  on(every, "change", () => state.isSeries && setSeries(true));
  on(payload, "input", judgePayload);
  on(form, "change", rewritePayload);
  on(byId("again", HTMLButtonElement), "click", startOver);
  on(byId("follow", HTMLButtonElement), "click", () => {
    frames.hold(null);
    renderSoon();
  });
  on(byId("log-clear", HTMLButtonElement), "click", () => {
    log.clear();
    render();
  });
  on(byId("log-copy", HTMLButtonElement), "click", () => void log.copy());
  on(byId("why", HTMLElement), "click", (event) => {
    if (closestWith(event, "data-choose")) choice.choose({ client: "wasm" });
  });
  // What was never answered is found by the clock alone.
  setInterval(() => missed(state.rally.overdue(performance.now()), "No pong for"), 500);
  addEventListener("pagehide", () => {
    rememberConnected(link.isUp);
    link.leave();
  });
  addEventListener("pageshow", (event) => event.persisted && wasConnected() && connect());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && link.retry());
  const { button } = offerWindows({
    label: "The name of",
    nameMax: 64,
    name: () => state.name || "Player",
    address: (name) => choice.address({ name }, { isWhole: true }),
    signal,
  });
  byId("way-actions", HTMLElement).append(button);
}

function connect() {
  if (link.isUp) {
    missed(state.rally.cut(), "No answer to");
    log.add(`Left ${where()}.`);
  }
  state.trouble = "";
  state.choice = choice.value;
  link.connect(choice.value);
}

/** @param {LinkState} now */
function linkChanged(now) {
  const server = state.choice?.server.name ?? OWN.name;
  if (now.name !== "open" && now.name !== "closing") missed(state.rally.cut(), "No answer to");
  switch (now.name) {
    case "connecting":
      log.add(`${now.isAgain ? "Connecting again" : "Connecting"} to ${where()}.`);
      break;
    case "open":
      opened(server);
      break;
    case "lost":
      log.add(`Lost ${server}. ${endingWords(now.ending)}`, "bad");
      toast(`The connection to ${server} was lost.`, { kind: "warn", about: "link" });
      break;
    case "closed":
      log.add(`Disconnected from ${server}. ${endingWords(now.ending)}`, now.byUs ? "plain" : "warn");
      toast(`Disconnected from ${server}.`, { kind: now.byUs ? "good" : "warn", about: "link" });
      // What the server ended is to be seen for longer.
      state.trouble = now.byUs ? "" : `${server} closed the connection. ${endingWords(now.ending)}`;
      break;
    case "refused":
      state.trouble = refusalWords(state.choice ?? choice.value, now.ending);
      log.add(`Not connected to ${server}. ${state.trouble}`, "bad");
      break;
    default:
      break;
  }
  if (now.name === "closed" || now.name === "refused") setSeries(false);
  if (now.name === "lost")
    showBanner("ping-pong", {
      title: lossTitle(server, now.ending),
      text: [now.ending.words, state.isSeries && "The series goes on when it is back."].filter(Boolean).join(" "),
      retryAt: now.retryAt,
      retry: () => link.retry(),
    });
  else if (now.name !== "connecting") hideBanner("ping-pong");
  renderSoon();
}

/** @param {string} server */
function opened(server) {
  state.trouble = "";
  const agreed = link.extensions === "" ? "" : ` Agreed on ${link.extensions}.`;
  log.add(`Connected to ${where()}.${agreed}`, "good");
  toast(`Connected to ${server}.`, { about: "link" });
}

/** The server and the client that are, or were, connected. */
function where() {
  const { server, client } = state.choice ?? choice.value;
  return `${server.name} by ${client === "wasm" ? CLIENTS.wasm : "the browser’s client"}`;
}

/** Sends one payload, as a ping where that can be done. */
function send() {
  const { bytes, trouble } = payloadOf(payload.value, written());
  state.payloadTrouble = trouble;
  if (trouble !== "") {
    setSeries(false);
    payload.focus();
    return;
  }
  const ping = state.rally.sent(bytes, performance.now());
  if (link.canPing) link.ping(bytes);
  else link.say(payload.value);
  const noun = link.canPing ? "Ping" : "Message";
  log.add(`${noun} ${ping.number}, ${payloadWords(bytes)}, sent.`, "plain", ping.at);
  state.score = `${noun} ${ping.number} is on its way`;
  renderSoon();
}

/** @param {boolean} isOn */
function setSeries(isOn) {
  clearInterval(series);
  state.isSeries = isOn;
  if (isOn) {
    const wait = Math.min(Math.max(Number(every.value) || 1000, EVERY.least), EVERY.most);
    every.value = String(wait);
    const next = () => link.state.name === "open" && state.rally.figures.waiting < WAITING_MAX && send();
    series = setInterval(next, wait);
    next();
  }
  renderSoon();
}

/** @param {Uint8Array} bytes */
function pong(bytes) {
  const found = state.rally.answered(bytes, performance.now());
  if (found) answered(found);
  else log.add(`A pong that nobody asked for, ${payloadWords(bytes)}.`, "warn");
  renderSoon();
}

/** The browser's client has no pongs: the next message is the answer. @param {string | ArrayBuffer} data */
function heard(data) {
  const found = link.canPing ? null : state.rally.answeredNext(performance.now());
  const words = typeof data === "string" ? data : payloadWords(new Uint8Array(data));
  if (found) answered(found);
  const isEcho = found && payloadOf(words, "text").bytes.join() === found.ping.payload.join();
  if (!isEcho) log.add(`The server said: ${words.slice(0, 300)}`);
  renderSoon();
}

/** @param {NonNullable<ReturnType<Rally["answered"]>>} found */
function answered({ ping, skipped, wasLate }) {
  const noun = link.canPing ? "Pong" : "Answer";
  missed(skipped, "Passed over:");
  const words = `${noun} ${ping.number} after ${time(ping.trip)}`;
  log.add(`${words}${wasLate ? ", late" : ""}.`, "good");
  state.score = words;
  // In a series each would cover the one before.
  if (!state.isSeries) toast(`${words}.`, { about: "pong" });
}

/** @param {Ping[]} pings @param {string} why */
function missed(pings, why) {
  for (const { number } of pings) log.add(`${why} ${link.canPing ? "ping" : "message"} ${number}.`, "warn");
  const last = pings.at(-1);
  if (!last) return;
  state.score = `${link.canPing ? "Ping" : "Message"} ${last.number} was not answered`;
  renderSoon();
}

/** @param {Uint8Array} bytes */
function serverPinged(bytes) {
  log.add(`The server pinged, ${payloadWords(bytes)}; the client answered.`);
  renderSoon();
}

/** @param {Direction} direction @param {Uint8Array} bytes */
async function frame(direction, bytes) {
  const { rally } = state;
  const { opcode, payload: key } = readFrame(await theModule(), direction, bytes);
  if (direction === "c2s" && opcode === "ping") rally.pingFrame(key, bytes);
  if (direction === "s2c" && opcode === "pong") rally.pongFrame(key, bytes);
  renderSoon();
}

function startOver() {
  state.rally = new Rally();
  state.score = "Nothing sent yet";
  frames.hold(null);
  trips.point(null);
  render();
}

/** @returns {Form} */
function written() {
  return choice.value.client === "wasm" && form.value === "hex" ? "hex" : "text";
}

/** The same bytes, written the other way, if they can be. */
function rewritePayload() {
  const { bytes, trouble } = payloadOf(payload.value, form.value === "hex" ? "text" : "hex");
  const words = form.value === "hex" ? toHex(bytes) : asText(bytes);
  if (trouble === "" && words !== null) payload.value = words;
  judgePayload();
}

function judgePayload() {
  state.payloadTrouble = payloadOf(payload.value, written()).trouble;
  render();
}

/** Renders with the next frame: pongs come faster than anybody can read. */
function renderSoon() {
  if (isRendering) return;
  isRendering = true;
  if (document.visibilityState === "visible") requestAnimationFrame(render);
  else setTimeout(render, 500);
}

function render() {
  isRendering = false;
  const canPing = choice.value.client === "wasm";
  document.title = state.name === "" ? usualTitle : `${state.name} · ${usualTitle}`;
  setText("title", state.name === "" ? "Ping-pong" : `Ping-pong: ${state.name}`);
  renderLink();
  renderForm(canPing);
  trips.render(state.rally, canPing ? "ping" : "message");
  frames.render(state.rally.pings, canPing);
  renderLog();
}

function renderLink() {
  const { name } = link.state;
  const server = state.choice?.server.name ?? OWN.name;
  const words = {
    idle: "Not connected",
    connecting: "Connecting",
    open: `Connected to ${server}`,
    closing: "Closing",
    lost: "Connection lost",
    closed: "Disconnected",
    refused: "Not connected",
  };
  const shown = {
    idle: "idle",
    connecting: "trying",
    open: "live",
    closing: "trying",
    lost: "lost",
    closed: "idle",
    refused: "lost",
  };
  byId("live", HTMLElement).dataset.state = shown[name];
  setText("live-text", words[name]);
  const button = byId("connect", HTMLButtonElement);
  const actions = { connecting: "Cancel", open: "Disconnect", closing: "Closing …", lost: "Stop trying" };
  setText("connect", name in actions ? actions[/** @type {keyof typeof actions} */ (name)] : "Connect");
  button.classList.toggle("primary", !link.isUp);
  button.setAttribute("aria-disabled", String(name === "closing"));
  const trouble = byId("trouble", HTMLElement);
  trouble.dataset.kind = name === "refused" ? "danger" : "warn";
  setText("trouble", state.trouble);
}

/** @param {boolean} canPing */
function renderForm(canPing) {
  const isOpen = link.state.name === "open";
  const { bytes, trouble } = payloadOf(payload.value, written());
  setText("ping-title", canPing ? "Ping" : "Message");
  setText("ping", canPing ? "Ping" : "Send a message");
  byId("ping", HTMLButtonElement).disabled = !isOpen;
  byId("form-label", HTMLElement).hidden = !canPing;
  const room = canPing
    ? `${bytes.length} of ${PAYLOAD_MAX} bytes`
    : `${bytes.length} of the ${PAYLOAD_MAX} bytes that a ping would hold`;
  setText("payload-room", room);
  setText("payload-error", state.payloadTrouble);
  payload.toggleAttribute("aria-invalid", false);
  if (trouble !== "") payload.setAttribute("aria-invalid", "true");
  const series = byId("series", HTMLButtonElement);
  series.disabled = !isOpen && !state.isSeries;
  series.setAttribute("aria-pressed", String(state.isSeries));
  setText("series", canPing ? "Keep pinging" : "Keep sending");
  // In a series it would be told many times a second.
  setText("score", !state.isSeries ? state.score : isOpen ? "One after the other" : "Waiting for the connection");
  renderWhy(canPing);
}

/** Says why the browser's client cannot ping, and what it can do. @param {boolean} canPing */
function renderWhy(canPing) {
  const why = byId("why", HTMLElement);
  if (why.hidden === canPing) return;
  why.hidden = canPing;
  if (canPing) return;
  why.replaceChildren(
    el("p", { class: "ping-why-title" }, "A browser’s own client cannot ping."),
    el(
      "p",
      {},
      "The browser’s WebSocket has no way to send a Ping frame. Pings that come from the server it answers by itself, and it shows a page no control frame, and no frame’s bytes.",
    ),
    el(
      "p",
      {},
      "What it can do is time a whole message: it is sent below, and the next message back is its answer. To ping, ",
      el("button", { class: "link", type: "button", "data-choose": "wasm" }, "choose Framescope’s client"),
      "; to see the browser’s frames too, have the ",
      el("a", { href: "/inspector", target: "_blank" }, "inspector"),
      " watch at the server.",
    ),
  );
}

function renderLog() {
  log.render();
  byId("log-scroller", HTMLElement).hidden = log.isEmpty;
  for (const id of ["log-copy", "log-clear"]) byId(id, HTMLButtonElement).disabled = log.isEmpty;
  const note = log.isEmpty
    ? "Nothing has happened yet."
    : log.dropped > 0
      ? `The oldest ${log.dropped} lines were dropped.`
      : "";
  setText("log-note", note);
}
