// @ts-check
// The inspector's page: puts its parts together. Every fact about a frame comes from the wasm module, through the worker.

import { hideBanner, showBanner } from "../lib/banner.js";
import { byId, grouped, on, setText } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { Address } from "./address.js";
import { Colours } from "./colours.js";
import { Commands } from "./commands.js";
import { Composer } from "./composer.js";
import { addCopyCommands } from "./copying.js";
import { askAboutStream, askForProxy, askForToken } from "./dialogs.js";
import { Empty } from "./empty.js";
import { Files } from "./files.js";
import { FilterBar } from "./filterbar.js";
import { FrameList } from "./framelist.js";
import { FramePane } from "./framepane.js";
import { Inspector } from "./inspector.js";
import { Layout } from "./layout.js";
import { addRowMenu } from "./rowmenu.js";
import { addSampleCommands, openSample } from "./samples.js";
import { SearchBar } from "./searchbar.js";
import { SourcesPane } from "./sources.js";
import { renderStatusbar } from "./statusbar.js";
import { addLabCommands } from "./tools/lab/commands.js";
import { isProxied } from "./tools/lab/proxied.js";
import { Tools } from "./tools.js";
import { Watched } from "./watched.js";

/** @import { FeedState, News } from "./link.js" */

const state = {
  /** @type {{ state: FeedState, until: number, wasLive: boolean }} */
  feed: { state: "trying", until: 0, wasLive: false },
  /** @type {{ isNotBuilt: boolean, reason: string } | null} */
  failure: null,
  /** The jump that is under way: the next begins where it ends. */
  jump: Promise.resolve(),
  /** Whether a proxy serves this page, and shows what passes through it. Then there is nothing to connect to. */
  isProxy: false,
  /** Whether the first frame is to be chosen when it comes: whoever asks for a connection wants to see one. */
  showsFirst: false,
};

const { signal } = new AbortController();
const app = new Inspector(heard, signal);
const list = new FrameList(app);
const frame = new FramePane(app);
const layout = new Layout(app);
const composer = new Composer(signal);
const empty = new Empty(app, () => {
  state.showsFirst = true;
  composer.open({ isGreeting: true });
});
const watched = new Watched({
  changed: (scope, isFirst) => {
    // What was seen as one is not to be taken for the other.
    if (!isFirst) void app.clear();
    state.feed = { state: "trying", until: 0, wasLive: false };
    void app.link.watch(scope, state.isProxy ? "proxy" : "tap", nameOfTap(scope));
    render();
  },
  signal,
});
const sources = new SourcesPane(app, tapState);
const address = new Address(app, (name) => openSample(app, name));
new FilterBar(app);
const search = new SearchBar(app);
const colours = new Colours(app);
new Files(app);
addCommands();
addRowMenu(app, frame, search, (filter) => colours.colour(filter));
const tools = new Tools(app);
app.tools = tools;
addCopyCommands(app);
addLabCommands(app);
addSampleCommands(app);
new Commands(app);

list.onPicked = () => {
  if (layout.isNarrow) layout.show("fields");
};
list.onEntered = () => {
  app.closeTool();
  if (layout.isNarrow) layout.show("fields");
  frame.focusFields();
};
sources.onRefused = (source, name) => askForToken(app, source, name);
sources.onAssume = (source, stream) => askAboutStream(app, source, stream);
sources.onChosen = () => layout.closeDrawer();
frame.onToBytes = () => layout.show("bytes");
tools.onShown = (name) => layout.show(name === "frame" ? "fields" : "tools");

// A reload or a link away takes with it what was seen live: browsers ask in their own words.
addEventListener("beforeunload", (event) => {
  if (app.unsaved > 0) event.preventDefault();
});
// Whoever asked for something has no better words for it.
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.isNotLoaded !== true) return;
  event.preventDefault();
  app.say(event.reason.message, "warn");
});
app.on("status", () => {
  if (state.showsFirst) void list.chooseFirstFrame().then((isThere) => (state.showsFirst &&= !isThere));
  render();
});
app.onOpening = () => {
  // Whoever opens a file begins to read at its beginning.
  if (app.chosenIndex === null && !address.isWaiting) state.showsFirst = true;
  list.stay();
};
app.on("explain", renderExplain);
app.on("time", renderTime);
app.on("view", renderView);
listenToControls();
render();
renderTime();
renderView();
renderExplain();
void startPage();

/** @param {News} news */
function heard(news) {
  switch (news.type) {
    case "ready":
      byId("statusbar", HTMLElement).dataset.codec = news.codecVersion;
      colours.start();
      void start();
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
      render();
      if (news.state === "lost") void watched.check();
      break;
    case "trouble":
      app.say(news.words);
      break;
    default:
      // What the app itself makes sense of.
      break;
  }
}

function render() {
  const { status } = app;
  const isEmpty = !status || status.end === status.first;
  renderFeed();
  list.render();
  const kind = emptyKind();
  empty.show(kind);
  // Where there is nothing to choose, the frame's room is better used.
  byId("layout", HTMLElement).toggleAttribute("data-blank", /^(?:ready|waiting|not-built|reading)/u.test(kind));
  byId("clear", HTMLButtonElement).disabled = isEmpty;
  byId("save", HTMLButtonElement).disabled = isEmpty;
  renderViewNote();
  sources.render();
  renderStatusbar(byId("statusbar", HTMLElement), status);
}

/** Finds out who serves this page, and begins to watch. */
async function start() {
  // What the address asks for may have to be loaded. If that fails, what passes is watched all the same.
  const followed = address.follow().catch((error) => app.say(error.message, "warn"));
  // A proxy has the page of the inspector, and no other part of the server.
  const [isProxy] = await Promise.all([isProxied(), followed]);
  state.isProxy = isProxy;
  app.isProxy = state.isProxy;
  byId("composer", HTMLFormElement).hidden = state.isProxy;
  byId("proxy-add", HTMLButtonElement).hidden = state.isProxy;
  for (const nav of document.querySelectorAll(".masthead nav")) nav.toggleAttribute("hidden", state.isProxy);
  // A sample first, so that its rows have the numbers that a link to them says.
  await watched.start();
}

/** @param {import("./watched.js").Scope} scope */
function nameOfTap(scope) {
  if (state.isProxy) return "This proxy";
  return scope === "all" ? "This server, everybody" : "This server, your own";
}

/** How the live tap is, in a word. */
function tapState() {
  return { trying: state.feed.wasLive ? "reconnecting" : "connecting", live: "live", lost: "not live" }[
    state.feed.state
  ];
}

/** @returns {import("./empty.js").Kind} */
function emptyKind() {
  const { status } = app;
  if (!list.isEmpty) return "";
  if (state.failure) return state.failure.isNotBuilt ? "not-built" : "";
  if (list.isHeld) return "held";
  if (status && status.end > status.first) return status.view.done ? "filtered" : "reading";
  if ([...app.readings.values()].some((reading) => reading.state === "reading")) return "reading";
  if (state.feed.state !== "live") return "waiting";
  return state.isProxy ? "ready-proxy" : `ready-${watched.scope}`;
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
    retry: () => app.link.retry(),
  });
}

function renderExplain() {
  byId("explain", HTMLButtonElement).setAttribute("aria-pressed", String(app.explains));
}

function renderTime() {
  byId("time-mode", HTMLSelectElement).value = app.timeMode;
}

function renderView() {
  byId("layer", HTMLSelectElement).value = app.view.layer;
  setText("frames-title", app.view.layer === "messages" ? "Messages" : "Frames");
  renderViewNote();
}

/** How many of the rows are listed, if not all. */
function renderViewNote() {
  const { status, view } = app;
  const isAll = view.filter === "" && view.connection === null && view.between === null;
  const scanned =
    status && !status.view.done ? `, ${Math.floor((100 * status.view.scanned) / status.view.total)}\u00A0%` : "";
  const connection = view.connection === null ? "" : `connection ${view.connection}, `;
  setText(
    "view-note",
    isAll || !status ? "" : `${connection}${grouped(status.view.count)} of ${grouped(status.view.total)}${scanned}`,
  );
}

function listenToControls() {
  const layer = byId("layer", HTMLSelectElement);
  const timeMode = byId("time-mode", HTMLSelectElement);
  on(byId("clear", HTMLButtonElement), "click", () => void clear(), signal);
  on(byId("save", HTMLButtonElement), "click", () => void save(), signal);
  on(byId("proxy-add", HTMLButtonElement), "click", () => void askForProxy(app), signal);
  on(byId("explain", HTMLButtonElement), "click", () => app.toggleExplaining(), signal);
  // The casts: the selects have these options and no others.
  on(timeMode, "change", () => app.setTimeMode(/** @type {import("./app.js").TimeMode} */ (timeMode.value)), signal);
  on(layer, "change", () => void app.setView({ layer: /** @type {"frames" | "messages"} */ (layer.value) }), signal);
}

function addCommands() {
  const hasRows = () => (app.status?.end ?? 0) > (app.status?.first ?? 0);
  /** @type {[string, string, string, string, () => void, (() => boolean)?][]} */
  const commands = [
    ["Rows", "frames", "Escape", "Back to the rows", toFrames],
    ["Rows", "violation-next", "n", "The next row that breaks a rule or has a finding", () => jump(false)],
    ["Rows", "violation-previous", "Shift+N", "The row before that breaks a rule or has a finding", () => jump(true)],
    ["Rows", "mark", "x", "Mark the row, or take the mark away", toggleMark, () => app.chosenIndex !== null],
    ["Rows", "layer", "l", "Frames, or whole messages", () => void toggleLayer()],
    ["Rows", "time", "t", "Another kind of time", () => app.nextTimeMode()],
    ["Rows", "pause", "p", "Hold the list still; capturing goes on behind it", () => list.togglePause()],
    ["Rows", "clear", "", "Clear: forget every row", () => void clear(), hasRows],
    ["Rows", "save", "s", "Save the capture as .pcapng, which Wireshark opens", () => void save(), hasRows],
    ["Frame", "message", "m", "From a fragment to the frame that completes its message", () => frame.toMessage()],
    ["Frame", "mask", "u", "Payload as it was on the wire, or unmasked", () => frame.toggleMask()],
    ["Frame", "bytes", "b", "Its bytes", () => toView("bytes")],
    ["Frame", "whole", "v", "The whole message", () => toView("message")],
    ["Frame", "explain", "e", "Explain: what each part is for", () => app.toggleExplaining()],
    [
      "Page",
      "proxy",
      "",
      "Add a proxy: what passes through one elsewhere",
      () => void askForProxy(app),
      () => !state.isProxy,
    ],
    ["Page", "sources", "o", "Show or hide the sources", () => layout.toggleSources()],
  ];
  for (const [group, id, keys, title, run, enabled] of commands)
    app.command({ id, title, group, run, keys: keys || undefined, ...(enabled ? { enabled } : {}) });
}

function toFrames() {
  layout.show("frames");
  list.focus();
}

/** @param {"bytes" | "message"} view */
function toView(view) {
  app.closeTool();
  frame.setView(view);
  if (layout.isNarrow) layout.show("bytes");
}

function toggleMark() {
  const { chosenIndex } = app;
  if (chosenIndex !== null) app.mark(chosenIndex, !app.marked.has(chosenIndex));
}

function toggleLayer() {
  return app.setView({ layer: app.view.layer === "frames" ? "messages" : "frames" });
}

/** @param {boolean} isBackwards */
function jump(isBackwards) {
  state.jump = state.jump.then(() => toViolation(isBackwards)).catch(() => {});
}

/** @param {boolean} isBackwards */
async function toViolation(isBackwards) {
  const { status } = app;
  if (!status) return;
  const from = app.chosenIndex ?? (isBackwards ? status.end : status.first - 1);
  const index = await app.capture.nextViolation(from, isBackwards);
  if (index === undefined) app.say(`No violation and no finding ${isBackwards ? "before" : "after"} this row`);
  else app.choose(index);
}

async function clear() {
  await app.clear();
  if (list.isHeld) list.togglePause();
  byId("frames", HTMLElement).removeAttribute("aria-activedescendant");
}

async function save() {
  const { status } = app;
  if (!status || status.end === status.first) return;
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  const pieces = await app.saved();
  app.keep();
  app.download(`framescope-${stamp}.pcapng`, "application/x-pcapng", pieces);
}
