// @ts-check
// The inspector: state, what changes it, and what is drawn of it. Every fact about a frame comes from the
// wasm module, through the worker.

import { hideBanner, showBanner } from "../lib/banner.js";
import { byId, closestWith, el, grouped, on, size } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { COMMANDS } from "../lib/wasm.js";
import { BytesView } from "./bytes.js";
import { Composer } from "./composer.js";
import { Feed } from "./feed.js";
import { FieldsView, litByFirstViolation } from "./fields.js";
import { directionText, drawRow, timeText } from "./frames.js";
import { VirtualList } from "./list.js";
import { MessageView } from "./message.js";
import { Rows } from "./rows.js";
import { Watched } from "./watched.js";

/** @import { Details, Status } from "../pkg/framescope_wasm.js" */
/** @import { Lit } from "./bytes.js" */
/** @import { FeedState, News } from "./feed.js" */
/** @import { TimeMode } from "./frames.js" */
/** @import { Form, Loaded } from "./message.js" */

/**
 * @typedef {object} Chosen
 * @property {number} index
 * @property {Details} details
 * @property {Uint8Array} wire
 * @property {Uint8Array} unmasked
 */

const state = {
  /** @type {Status | null} */
  status: null,
  /** @type {{ state: FeedState, until: number, wasLive: boolean }} */
  feed: { state: "trying", until: 0, wasLive: false },
  /** @type {{ isNotBuilt: boolean, reason: string } | null} */
  failure: null,
  /** The jump to a violation that is under way: the next begins where it ends. */
  jump: Promise.resolve(),
  /** While the list is held still: one past its last row. @type {number | null} */
  heldAt: null,
  /** Whether the first frame is to be chosen when it comes: whoever asks for a connection wants to see one. */
  showsFirst: false,
  /** Whether the list goes on with what comes. */
  isFollowing: true,
  /** @type {number | null} */
  chosenIndex: null,
  /** @type {Chosen | null} */
  chosen: null,
  /** @type {TimeMode} */
  timeMode: "start",
  /** What the user last clicked or moved to, and what the pointer is over. @type {Lit | null} */
  picked: null,
  /** @type {"bytes" | "message"} */
  view: "bytes",
  isUnmasked: false,
  /** @type {Form} */
  form: "text",
  /** @type {{ row: number, loaded: Loaded } | null} */
  message: null,
};

const { signal } = new AbortController();

const grid = byId("frames", HTMLElement);
const empty = byId("empty", HTMLElement);
const newest = byId("newest", HTMLButtonElement);
const timeMode = byId("time-mode", HTMLSelectElement);
const unmask = byId("unmask", HTMLButtonElement);
const messageForm = byId("message-form", HTMLSelectElement);
const help = byId("help", HTMLDialogElement);
const panes = byId("panes", HTMLElement);

const feed = new Feed(heard);
const rows = new Rows(
  (from, count) => feed.rows(from, count),
  () => list.redraw(),
);
const list = new VirtualList(grid, {
  rowHeight: "--row",
  head: byId("list-head", HTMLElement),
  draw: (element, place) => {
    const index = first() + place;
    drawRow(element, rows.get(index), index, {
      first: first(),
      timeMode: state.timeMode,
      isChosen: index === state.chosenIndex,
    });
  },
  signal,
});
const composer = new Composer(signal);
const fieldsView = new FieldsView(byId("fields", HTMLElement), {
  point,
  toRow: choose,
  toBytes: () => toBytes(),
  signal,
});
const bytesView = new BytesView(byId("bytes", HTMLElement), { label: "Bytes of the frame", point, signal });
const messageView = new MessageView(byId("message", HTMLElement), signal);
const watched = new Watched({
  changed: (scope, isFirst) => {
    // What was seen as one is not to be taken for the other.
    if (!isFirst) void clear();
    state.feed = { state: "trying", until: 0, wasLive: false };
    feed.watch(scope);
    renderFeed();
    renderEmpty();
  },
  signal,
});

list.onUserScroll = () => {
  state.isFollowing = list.isAtEnd;
  renderNewest();
};

list.onResize = renderNewest;

listenToControls();
listenToKeys();
render();
fieldsView.show(null);
showFrameBytes();
showFrameBytes();
void startPage();

/** The index of the first row that is listed. */
function first() {
  return state.status?.first ?? 0;
}

/** One past the index of the last row that is listed. */
function end() {
  return state.heldAt ?? state.status?.end ?? 0;
}

/** @param {News} news */
function heard(news) {
  switch (news.type) {
    case "ready":
      byId("statusbar", HTMLElement).dataset.codec = news.codecVersion;
      void watched.start();
      break;
    case "failed":
      state.failure = news;
      render();
      break;
    case "feed":
      state.feed = {
        state: news.state,
        until: Date.now() + news.wait,
        wasLive: state.feed.wasLive || news.state === "live",
      };
      renderFeed();
      renderEmpty();
      if (news.state === "lost") void watched.check();
      break;
    case "status":
      heardStatus(news.status);
      break;
    default:
      // The worker is ours: there is no other kind.
      break;
  }
}

/** @param {Status} status */
function heardStatus(status) {
  const before = first();
  state.status = status;
  if (state.heldAt !== null) state.heldAt = Math.max(state.heldAt, status.first);
  rows.refresh();
  list.setCount(end() - first(), first() - before);
  if (state.isFollowing && state.heldAt === null) list.showEnd();
  list.redraw();
  if (state.showsFirst) void showFirst();
  // A fragment that was alone may have got its message.
  const fragment = state.chosen?.details.row.fragment;
  if (state.chosenIndex !== null && fragment && fragment.of === null) void load(state.chosenIndex, false);
  render();
}

/**
 * Makes a row the chosen one.
 *
 * @param {number} index
 */
function choose(index) {
  if (index < first() || index >= end()) return;
  state.chosenIndex = index;
  state.isFollowing = index === end() - 1 && state.isFollowing;
  list.reveal(index - first());
  list.redraw();
  grid.setAttribute("aria-activedescendant", `row-${index}`);
  renderNewest();
  void load(index, true);
}

/** Chooses the first frame, once there is one, and goes on following what comes. */
async function showFirst() {
  const known = await feed.rows(first(), 8);
  const frame = known.find(({ kind }) => kind === "frame");
  if (!frame || !state.showsFirst) return;
  state.showsFirst = false;
  if (state.chosenIndex !== null) return;
  const { isFollowing } = state;
  choose(frame.index);
  state.isFollowing = isFollowing;
  renderNewest();
}

/** @param {number} index @param {boolean} isNew */
async function load(index, isNew) {
  const answer = await feed.details(index);
  if (state.chosenIndex !== index) return;
  state.chosen = answer.details === null ? null : { index, ...answer };
  if (isNew || answer.details?.message) {
    state.picked = answer.details ? litByFirstViolation(answer.details) : null;
    state.message = null;
  }
  renderChosen();
}

/**
 * The user points at something, or away.
 *
 * @param {Lit | null} lit
 * @param {boolean} isPicked
 */
function point(lit, isPicked) {
  if (isPicked) state.picked = lit;
  const shown = lit ?? state.picked;
  fieldsView.light(shown, isPicked);
  bytesView.light(shown, isPicked);
}

/** Goes to the bytes of what is picked. */
function toBytes() {
  setView("bytes");
  setPanel("bytes");
  bytesView.focus();
}

/** @param {"bytes" | "message"} view */
function setView(view) {
  state.view = view;
  renderBytes();
}

/** On a narrow screen: which pane is to be seen. @param {string} panel */
function setPanel(panel) {
  panes.dataset.panel = panel;
  for (const tab of document.querySelectorAll("[role=tab][data-panel]")) {
    tab.setAttribute("aria-selected", String(tab instanceof HTMLElement && tab.dataset.panel === panel));
  }
}

function render() {
  const { status } = state;
  renderFeed();
  renderEmpty();
  renderNewest();
  grid.setAttribute("aria-rowcount", String(end() - first() + 1));
  byId("clear", HTMLButtonElement).disabled = end() === first();
  byId("save", HTMLButtonElement).disabled = end() === first();
  byId("pause", HTMLButtonElement).setAttribute("aria-pressed", String(state.heldAt !== null));
  const behind = state.heldAt === null ? 0 : (status?.end ?? 0) - state.heldAt;
  byId("paused", HTMLElement).textContent =
    state.heldAt === null ? "" : `Held still; ${grouped(behind)} more behind it`;
  byId("statusbar", HTMLElement).replaceChildren(...statusParts(status));
}

/** @param {Status | null} status */
function statusParts(status) {
  if (!status) return [el("span", {}, "Nothing captured yet")];
  const parts = [
    el("span", {}, count(status.frames, "frame")),
    el("span", {}, count(status.connections, "connection")),
    el(
      "span",
      { class: status.violations > 0 ? "statusbar-bad" : "" },
      status.violations > 0 ? `⚠ ${count(status.violations, "violation")}` : "no violations",
    ),
    el("span", {}, `${size(status.held)} of ${size(status.budget)} held`),
  ];
  if (status.dropped > 0)
    parts.push(
      el(
        "span",
        { class: "statusbar-trouble" },
        `the oldest ${grouped(status.dropped)} rows were dropped to stay within it`,
      ),
    );
  if (status.trouble) parts.push(el("span", { class: "statusbar-trouble" }, status.trouble));
  return parts;
}

/** @param {number} number @param {string} noun */
function count(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function renderFeed() {
  const live = byId("live", HTMLElement);
  if (state.failure) {
    live.dataset.state = "lost";
    setText("live-text", "Not running");
    if (!state.failure.isNotBuilt)
      showBanner("inspector", {
        kind: "danger",
        title: "The inspector could not start.",
        text: state.failure.reason,
      });
    return;
  }
  const { state: now, until, wasLive } = state.feed;
  live.dataset.state = now;
  setText("live-text", { trying: wasLive ? "Reconnecting" : "Connecting", live: "Live", lost: "Not live" }[now]);
  if (now === "live") hideBanner("inspector");
  if (now !== "lost") return;
  showBanner("inspector", {
    title: wasLive ? "The live feed was lost." : "There is no live feed.",
    text: wasLive
      ? "What was captured stays here; what passes meanwhile is not seen."
      : "The server does not answer at /inspect/live.",
    retryAt: until,
    retry: () => feed.retry(),
  });
}

/** @param {string} id @param {string} text */
function setText(id, text) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

function renderEmpty() {
  const isEmpty = end() === first();
  const kind = !isEmpty
    ? ""
    : state.failure?.isNotBuilt
      ? "not-built"
      : state.heldAt !== null
        ? "held"
        : state.feed.state === "live"
          ? `ready-${watched.scope}`
          : "waiting";
  if (empty.dataset.kind === kind) return;
  empty.dataset.kind = kind;
  empty.hidden = !isEmpty;
  if (kind === "not-built") empty.replaceChildren(...notBuilt());
  else if (kind === "held")
    empty.replaceChildren(
      title("Held still"),
      text("Frames are being captured behind this page. Press Pause again to see them."),
    );
  else if (kind.startsWith("ready")) empty.replaceChildren(...ready());
  else if (kind === "waiting")
    empty.replaceChildren(
      title("Waiting for the live feed"),
      text("Frames appear here as soon as this page is connected to the server."),
    );
}

function ready() {
  const open = el("button", { class: "primary large", type: "button" }, "Open a connection");
  on(
    open,
    "click",
    () => {
      state.showsFirst = true;
      composer.open({ isGreeting: true });
    },
    signal,
  );
  return [
    title("Every frame, bit by bit"),
    text(
      watched.scope === "all"
        ? "As the operator you see the raw bytes of every WebSocket on this server, whoever opened it, but for cookies and other credentials. What is open already shows itself. One click opens another and says hello:"
        : "This page sees the raw bytes of every WebSocket that this browser session opens on this server, opening handshake included, and of nobody else’s. One click opens one and says hello:",
    ),
    open,
    text("Then send more with the line above, or use /test-websocket in another tab."),
  ];
}

function notBuilt() {
  return [
    title("The decoder is not built"),
    text(
      "This page decodes frames with Framescope’s own codec, compiled to wasm. That module is missing. In the root of the repository, run",
    ),
    el("code", { class: "command" }, COMMANDS.make),
    text("or, with wasm-pack installed, the plain command:"),
    el("code", { class: "command" }, COMMANDS.build),
    text("and reload. All the rest of the server works without it. The module’s own tests run in a headless browser:"),
    el("code", { class: "command" }, COMMANDS.test),
  ];
}

/** @param {string} words */
function title(words) {
  return el("h2", { class: "empty-title" }, words);
}

/** @param {string} words */
function text(words) {
  return el("p", { class: "empty-text" }, words);
}

function renderNewest() {
  newest.hidden = state.isFollowing || list.isAtEnd || end() === first();
}

function renderChosen() {
  const { chosen } = state;
  fieldsView.show(chosen?.details ?? null);
  setText("fields-note", chosen ? describe(chosen.details) : "");
  showFrameBytes();
  renderBytes();
}

/** @param {Details} details */
function describe({ row, source, destination }) {
  return `No. ${grouped(row.index + 1)} · ${row.name} · ${directionText(row)} · ${timeText(row, state.timeMode)} s · ${source} → ${destination}`.replace(
    / s · (?=\D*$)/,
    " · ",
  );
}

function showFrameBytes() {
  const { chosen } = state;
  if (!chosen) {
    bytesView.show(new Uint8Array(), [], []);
    return;
  }
  const bad = chosen.details.violations.flatMap(({ bytes }) => (bytes ? [bytes] : []));
  bytesView.show(state.isUnmasked ? chosen.unmasked : chosen.wire, chosen.details.fields, bad);
  point(state.picked, false);
}

function renderBytes() {
  const { chosen, view } = state;
  const isBytes = view === "bytes";
  byId("bytes", HTMLElement).hidden = !isBytes;
  byId("message", HTMLElement).hidden = isBytes;
  byId("view-bytes", HTMLElement).setAttribute("aria-selected", String(isBytes));
  byId("view-message", HTMLElement).setAttribute("aria-selected", String(!isBytes));
  unmask.hidden = !isBytes || !chosen?.details.row.masked;
  unmask.setAttribute("aria-pressed", String(state.isUnmasked));
  messageForm.hidden = isBytes || !chosen?.details.message;
  setText("bytes-note", bytesNote());
  if (!isBytes) void renderMessage();
}

function bytesNote() {
  const { chosen, view } = state;
  if (!chosen) return "";
  const { row, message, headerLength, payloadMissing } = chosen.details;
  if (view === "message") return message ? `${message.kind}, ${size(message.length)}` : "";
  if (row.kind !== "frame") return size(chosen.wire.length);
  const missing = payloadMissing === 0 ? "" : `, ${grouped(payloadMissing)} not captured`;
  return `header ${headerLength} + payload ${grouped(row.payloadLength)}${missing}`;
}

async function renderMessage() {
  const { chosen } = state;
  const info = chosen?.details.message;
  if (!chosen || !info) {
    messageView.explain(chosen?.details ?? null);
    return;
  }
  if (state.message?.row !== info.lastRow) {
    const answer = await feed.message(info.lastRow, info.isJson);
    if (state.chosen !== chosen) return;
    state.message = { row: info.lastRow, loaded: { info, ...answer } };
    state.form = info.kind === "binary" ? "hex" : state.form === "hex" ? "text" : state.form;
  }
  const { loaded } = state.message;
  const jsonOption = messageForm.querySelector("option[value=json]");
  if (jsonOption instanceof HTMLOptionElement) jsonOption.disabled = loaded.json === null;
  const form = state.form === "json" && loaded.json === null ? "text" : state.form;
  messageForm.value = form;
  messageView.show(loaded, form);
}

function listenToControls() {
  on(
    grid,
    "click",
    (event) => {
      const row = closestWith(event, "data-index");
      if (!row) return;
      const message = closestWith(event, "data-message");
      choose(Number(message?.dataset.message ?? row.dataset.index));
      grid.focus({ preventScroll: true });
      setPanelIfNarrow();
    },
    signal,
  );
  on(newest, "click", toNewest, signal);
  on(byId("pause", HTMLButtonElement), "click", togglePause, signal);
  on(byId("clear", HTMLButtonElement), "click", () => void clear(), signal);
  on(byId("save", HTMLButtonElement), "click", () => void save(), signal);
  on(timeMode, "change", () => setTimeMode(timeMode.value), signal);
  on(byId("view-bytes", HTMLButtonElement), "click", () => setView("bytes"), signal);
  on(byId("view-message", HTMLButtonElement), "click", () => setView("message"), signal);
  on(unmask, "click", toggleMask, signal);
  on(
    messageForm,
    "change",
    () => {
      // The cast: the select has these three options and no others.
      state.form = /** @type {Form} */ (messageForm.value);
      void renderMessage();
    },
    signal,
  );
  on(byId("help-open", HTMLButtonElement), "click", () => help.showModal(), signal);
  for (const tab of document.querySelectorAll("[role=tab][data-panel]")) {
    if (tab instanceof HTMLElement) on(tab, "click", () => setPanel(tab.dataset.panel ?? "frames"), signal);
  }
}

/** Where only one pane is to be seen, a touched row shows its fields. */
function setPanelIfNarrow() {
  if (getComputedStyle(byId("pane-fields", HTMLElement)).display === "none") setPanel("fields");
}

function listenToKeys() {
  on(
    grid,
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || end() === first()) return;
      const last = end() - 1;
      const now = state.chosenIndex ?? (event.key === "ArrowUp" ? end() : first() - 1);
      const targets = new Map([
        ["ArrowUp", now - 1],
        ["ArrowDown", now + 1],
        ["PageUp", now - list.page],
        ["PageDown", now + list.page],
        ["Home", first()],
        ["End", last],
      ]);
      const target = targets.get(event.key);
      if (target !== undefined) {
        event.preventDefault();
        if (event.key === "End") state.isFollowing = true;
        choose(Math.min(Math.max(first(), target), last));
      } else if (event.key === "Enter" && state.chosen) {
        event.preventDefault();
        setPanelIfNarrow();
        fieldsView.focus();
      }
    },
    signal,
  );

  on(
    document,
    "keydown",
    (event) => {
      const isTyping =
        event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement || help.open;
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      const actions = new Map([
        ["?", () => help.showModal()],
        ["p", togglePause],
        ["s", () => void save()],
        ["t", () => setTimeMode({ start: "previous", previous: "absolute", absolute: "start" }[state.timeMode])],
        ["u", toggleMask],
        ["b", () => setView("bytes")],
        ["v", () => setView("message")],
        ["m", toMessage],
        ["n", () => jump(false)],
        ["N", () => jump(true)],
        ["Escape", toFrames],
      ]);
      const action = actions.get(event.key);
      if (!action) return;
      event.preventDefault();
      action();
    },
    signal,
  );
}

function toFrames() {
  setPanel("frames");
  grid.focus();
}

function toNewest() {
  state.isFollowing = true;
  list.showEnd();
  renderNewest();
  grid.focus();
}

function toMessage() {
  const last = state.chosen?.details.row.fragment?.lastRow;
  if (last !== undefined && last !== null) choose(last);
  setView("message");
}

/** @param {boolean} isBackwards */
function jump(isBackwards) {
  state.jump = state.jump.then(() => toViolation(isBackwards));
}

/** @param {boolean} isBackwards */
async function toViolation(isBackwards) {
  const index = await feed.violation(state.chosenIndex ?? (isBackwards ? end() : first() - 1), isBackwards);
  if (index !== null) choose(index);
}

function togglePause() {
  state.heldAt = state.heldAt === null ? end() : null;
  list.setCount(end() - first());
  if (state.heldAt === null && state.isFollowing) list.showEnd();
  render();
}

function toggleMask() {
  if (!state.chosen?.details.row.masked) return;
  state.isUnmasked = !state.isUnmasked;
  bytesView.swap(state.isUnmasked ? state.chosen.unmasked : state.chosen.wire);
  renderBytes();
}

/** @param {string} mode */
function setTimeMode(mode) {
  // The cast: the select has these three options and no others.
  state.timeMode = /** @type {TimeMode} */ (mode);
  timeMode.value = mode;
  list.redraw();
  if (state.chosen) setText("fields-note", describe(state.chosen.details));
}

async function clear() {
  await feed.clear();
  rows.clear();
  Object.assign(state, {
    chosen: null,
    chosenIndex: null,
    picked: null,
    message: null,
    heldAt: null,
    isFollowing: true,
  });
  grid.removeAttribute("aria-activedescendant");
  renderChosen();
  render();
}

async function save() {
  if (end() === first()) return;
  const bytes = await feed.save();
  // The cast: the module's memory is never shared, so this is an ArrayBuffer.
  const file = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)], { type: "application/x-pcapng" });
  const address = URL.createObjectURL(file);
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  el("a", { href: address, download: `framescope-${stamp}.pcapng` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
