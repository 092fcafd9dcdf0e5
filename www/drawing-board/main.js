// @ts-check
// The drawing board: what is drawn here is sent, what everybody drew is shown.

import { connect } from "../lib/app-socket.js";
import { byId, el, on, setText } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { avatar, counted } from "../lib/text.js";
import { BOARD, fitted, moved, zoomed } from "./geometry.js";
import { startGrip } from "./grip.js";
import { Hands } from "./hands.js";
import { startPainting } from "./painting.js";
import { keyOf } from "./strokes.js";

/** @import { Heard } from "../lib/protocol.js" */
/** @import { Point, Size, View } from "./geometry.js" */
/** @import { Tells } from "./painter.js" */
/** @import { Marked } from "./strokes.js" */

/** Also the order of the digit keys. White covers what is there. @type {[string, string][]} */
const COLOURS = [
  ["Black", "#16181c"],
  ["Grey", "#868e96"],
  ["Red", "#d92626"],
  ["Orange", "#f08a00"],
  ["Yellow", "#f6c915"],
  ["Green", "#2a9d4e"],
  ["Blue", "#1c6fd6"],
  ["Purple", "#8338c9"],
  ["White", "#ffffff"],
];

/** In units of the board. @type {[string, number][]} */
const WIDTHS = [
  ["Fine", 2],
  ["Medium", 4],
  ["Thick", 9],
  ["Broad", 20],
];

/** What a press of a zoom button multiplies with. */
const ZOOM = 1.5;

/** Names shown outright; the others are in the list. */
const NAMED = 4;

/** More strokes than this take long enough to paint for it to be told. */
const SLOW = 5_000;

/** How long trouble is told of. */
const COMPLAINT_MS = 20_000;

const PEN_KEPT = "framescope.pen";

const state = {
  /** @type {"draw" | "move"} */
  tool: "draw",
  pen: keptPen(),
  /** @type {Size} */
  extent: BOARD,
  /** The canvas, in CSS pixels. @type {Size} */
  box: { width: 0, height: 0 },
  ratio: 1,
  /** @type {View} */
  view: { scale: 1, x: 0, y: 0 },
  /** Whether the whole board is to be seen, however large the window. */
  isFitted: true,
  /** Whether this page has heard of the drawing. */
  isLoaded: false,
  /** Whether it was all shown once. */
  isShown: false,
  count: 0,
  done: 0,
  /** @type {string[] | null} */
  online: null,
  trouble: "",
  isSaving: false,
};

/** Strokes that the server has not confirmed, by their ids: the painter's keys. @type {Map<string, string>} */
const unsent = new Map();

const board = byId("board", HTMLCanvasElement);
const life = new AbortController();
const { tell, take, make } = startPainting(board, painterSaid);
const desk = {
  view: () => state.view,
  extent: () => state.extent,
  pen: () => state.pen,
  isDrawing: () => state.tool === "draw",
  drawn,
  tails: (/** @type {Marked[]} */ strokes) => tell({ say: "tails", strokes }),
  cursor: showCursor,
};
const hands = new Hands(board, desk, life.signal);
let renderDue = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let complainTimer;

buildTools();
listen();
void startPage();
const socket = connect({
  kept: "What you draw is sent as soon as it is back.",
  noun: "stroke",
  ...(make ? { make } : {}),
  on: { text: take, message: heard },
});
socket.onStored(confirmed);
socket.onRefused(refused);
takeUpUnsent();
render();

/** What the page before this one, in this tab, could not send. */
function takeUpUnsent() {
  /** @type {Marked[]} */
  const strokes = [];
  for (const message of socket.unsent) {
    if (!("messageType" in message) || message.messageType !== "drawing" || message.id === undefined) continue;
    const key = keyOf(message);
    if (key !== null) unsent.set(message.id, key);
    strokes.push(message);
  }
  if (strokes.length > 0) tell({ say: "mine", strokes });
}

/** @param {Heard} message */
function heard(message) {
  switch (message.messageType) {
    case "active_users_list":
      state.online = message.users.map(({ username }) => username);
      break;
    case "error":
      complain(`The server says: ${message.error}`);
      break;
  }
  soon();
}

/** @param {Marked[]} strokes */
function drawn(strokes) {
  tell({ say: "mine", strokes });
  for (const stroke of strokes) {
    const key = keyOf(stroke);
    const id = socket.sendStored({ messageType: "drawing", ...stroke });
    if (key !== null) unsent.set(id, key);
  }
  soon();
}

/** @param {string} id */
function confirmed(id) {
  unsent.delete(id);
  soon();
}

/** @param {string | undefined} id @param {string} error */
function refused(id, error) {
  const key = id === undefined ? undefined : unsent.get(id);
  if (id === undefined || key === undefined) return;
  unsent.delete(id);
  tell({ say: "refused", keys: [key] });
  complain(`Some of it could not be kept: ${error}`);
}

/** Says it for a while. @param {string} words */
function complain(words) {
  state.trouble = words;
  clearTimeout(complainTimer);
  complainTimer = setTimeout(complain, COMPLAINT_MS, "");
  soon();
}

/** @param {Tells} message */
function painterSaid(message) {
  switch (message.say) {
    case "progress":
      state.count = message.count;
      state.done = message.done;
      state.isShown ||= state.isLoaded && message.done === message.count;
      grow(message.extent);
      break;
    case "saved":
      state.isSaving = false;
      offer(message.blob);
      break;
    case "begun":
      state.isLoaded = true;
      // What the server has by now is in there; what it has not may follow.
      socket.ready();
      break;
  }
  soon();
}

/** @param {Size} extent */
function grow(extent) {
  if (extent.width === state.extent.width && extent.height === state.extent.height) return;
  state.extent = extent;
  if (state.isFitted) fit();
}

/** @param {Blob} blob */
function offer(blob) {
  const href = URL.createObjectURL(blob);
  el("a", { href, download: "drawing-board.png" }).click();
  // The download has begun once the click is over, and then holds the data itself.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

function fit() {
  look(fitted(state.extent, state.box), true);
}

/** @param {number} factor @param {Point} [at] */
function zoom(factor, at = { x: state.box.width / 2, y: state.box.height / 2 }) {
  const view = zoomed(state.view, factor, at, state.extent, state.box);
  look(view, view.scale <= fitted(state.extent, state.box).scale);
}

/** @param {View} view @param {boolean} isFitted */
function look(view, isFitted) {
  state.view = view;
  state.isFitted = isFitted;
  tell({ say: "view", box: state.box, ratio: state.ratio, view });
  soon();
}

function listen() {
  const { signal } = life;
  startGrip(
    board,
    {
      by: (x, y) => look(moved(state.view, x, y, state.extent, state.box), state.isFitted),
      zoom,
      isMoving: () => state.tool === "move",
    },
    signal,
  );
  on(byId("tools", HTMLElement), "change", chooseTool, signal);
  on(byId("own", HTMLInputElement), "input", chooseTool, signal);
  on(byId("zoom-in", HTMLButtonElement), "click", () => zoom(ZOOM), signal);
  on(byId("zoom-out", HTMLButtonElement), "click", () => zoom(1 / ZOOM), signal);
  on(byId("zoom-fit", HTMLButtonElement), "click", fit, signal);
  on(byId("help", HTMLButtonElement), "click", () => byId("keys", HTMLDialogElement).showModal(), signal);
  on(board, "keydown", pressed, signal);
  // A line that is under way when the page goes is sent as far as it came.
  addEventListener("pagehide", () => hands.liftAll(), { signal });
  on(byId("save", HTMLButtonElement), "click", save, signal);
  const sizes = new ResizeObserver(measure);
  sizes.observe(byId("desk", HTMLElement));
  signal.addEventListener("abort", () => sizes.disconnect());
}

function save() {
  state.isSaving = true;
  tell({ say: "picture" });
  render();
}

function measure() {
  const { clientWidth: width, clientHeight: height } = byId("desk", HTMLElement);
  state.box = { width, height };
  state.ratio = devicePixelRatio;
  if (state.isFitted) fit();
  else look(moved(state.view, 0, 0, state.extent, state.box), false);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  const colour = COLOURS[Number(key) - 1];
  const width = WIDTHS.findIndex(([, units]) => units === state.pen.width);
  if (colour) choosePen({ color: colour[1] ?? "", width: state.pen.width });
  else if (key === "[" || key === "]") {
    const [, units] = WIDTHS[Math.min(Math.max(width + (key === "]" ? 1 : -1), 0), WIDTHS.length - 1)] ?? [];
    if (units) choosePen({ color: state.pen.color, width: units });
  } else if (key === "+" || key === "=") zoom(ZOOM);
  else if (key === "-") zoom(1 / ZOOM);
  else if (key === "0") fit();
}

function buildTools() {
  const swatches = COLOURS.map(([name = "", value = ""]) => {
    const input = el("input", { class: "board-swatch", type: "radio", name: "colour", value });
    input.style.backgroundColor = value;
    return el("label", { class: "board-colour", title: name }, input, el("span", { class: "unseen" }, name));
  });
  const own = el("input", { class: "board-swatch", type: "color", id: "own", value: "#0aa5a5" });
  swatches.push(
    el(
      "label",
      { class: "board-colour", title: "Another colour" },
      own,
      el("span", { class: "unseen" }, "Another colour"),
    ),
  );
  byId("colours", HTMLElement).append(...swatches);
  const widths = WIDTHS.map(([name, value]) => {
    const input = el("input", { class: "board-input", type: "radio", name: "width", value: String(value) });
    const dot = el("span", { class: "board-dot", "aria-hidden": "true" });
    dot.style.inlineSize = dot.style.blockSize = `${3.4 * Math.sqrt(value) - 1.5}px`;
    return el("label", { class: "board-choice", title: name }, input, dot, el("span", { class: "unseen" }, name));
  });
  byId("widths", HTMLElement).append(...widths);
}

/** @param {Event} event */
function chooseTool(event) {
  const input = event.target;
  if (!(input instanceof HTMLInputElement)) return;
  if (input.name === "tool") state.tool = input.value === "move" ? "move" : "draw";
  else if (input.name === "width") choosePen({ color: state.pen.color, width: Number(input.value) });
  else choosePen({ color: input.value, width: state.pen.width });
  render();
}

/** @param {{ color: string, width: number }} pen */
function choosePen(pen) {
  state.pen = pen;
  // Whoever chooses a pen wants to draw with it.
  state.tool = "draw";
  try {
    localStorage.setItem(PEN_KEPT, JSON.stringify(pen));
  } catch {
    // A browser that keeps nothing for us.
  }
  soon();
}

function keptPen() {
  const pen = { color: COLOURS[0]?.[1] ?? "", width: WIDTHS[1]?.[1] ?? 4 };
  try {
    const kept = JSON.parse(localStorage.getItem(PEN_KEPT) ?? "{}");
    if (/^#[0-9a-f]{6}$/i.test(kept.color)) pen.color = kept.color;
    if (WIDTHS.some(([, width]) => width === kept.width)) pen.width = kept.width;
  } catch {
    // Nothing kept, or nothing of use.
  }
  return pen;
}

/** @param {Point | null} at @param {boolean} isDown */
function showCursor(at, isDown) {
  const cursor = byId("cursor", HTMLElement);
  cursor.hidden = at === null;
  const { scale, x, y } = state.view;
  if (at) {
    cursor.style.transform = `translate(${at.x * scale + x}px, ${at.y * scale + y}px)`;
    cursor.dataset.state = isDown ? "down" : "up";
  }
  const words = at ? `Pen ${isDown ? "down" : "up"} at ${Math.round(at.x)}, ${Math.round(at.y)}` : "";
  setText("said", words);
}

/** Renders with the next frame: messages come faster than anybody can read. */
function soon() {
  if (renderDue) return;
  renderDue = true;
  requestAnimationFrame(render);
}

function render() {
  renderDue = false;
  renderTools();
  renderPeople();
  const isEmpty = state.isShown && state.count === 0 && unsent.size === 0;
  const empty = byId("empty", HTMLElement);
  empty.hidden = !isEmpty;
  // Its letters are for the board's white, not for what is around it.
  empty.style.inlineSize = `${state.extent.width * state.view.scale}px`;
  const isSlow = !state.isLoaded || (!state.isShown && state.count > SLOW);
  byId("loading", HTMLElement).hidden = !isSlow;
  setText("loading-text", state.isLoaded ? `Drawing ${counted(state.count, "stroke")}` : "Loading the drawing");
  const progress = byId("progress", HTMLProgressElement);
  if (state.isLoaded && state.count > 0) progress.value = state.done / state.count;
  else progress.removeAttribute("value");
  setText("count", state.isShown ? counted(state.count, "stroke") : "");
  byId("unsent", HTMLElement).dataset.count = String(unsent.size);
  setText("unsent", unsent.size > 0 && socket.state !== "open" ? `${counted(unsent.size, "stroke")} not sent yet` : "");
  setText("trouble", state.trouble);
}

function renderTools() {
  board.dataset.tool = state.tool;
  const chosen = { tool: state.tool, colour: state.pen.color, width: String(state.pen.width) };
  // Set only where it differs: a group that is being walked through by keyboard stays as it is.
  for (const [name, value] of Object.entries(chosen))
    for (const input of document.querySelectorAll(`input[name="${name}"]`))
      if (input instanceof HTMLInputElement && input.checked !== (input.value === value))
        input.checked = input.value === value;
  const own = byId("own", HTMLInputElement);
  const isOwn = !COLOURS.some(([, colour]) => colour === state.pen.color);
  own.toggleAttribute("data-chosen", isOwn);
  if (isOwn && own.value !== state.pen.color) own.value = state.pen.color;
  setText("scale", `${Math.round(state.view.scale * 100)}\u00A0%`);
  byId("zoom-out", HTMLButtonElement).disabled = state.isFitted;
  byId("save", HTMLButtonElement).disabled = state.isSaving;
}

let namesShown = "";

function renderPeople() {
  const { online } = state;
  const button = byId("people", HTMLButtonElement);
  if (online === null) {
    button.hidden = true;
    return;
  }
  const key = online.join();
  if (key === namesShown && !button.hidden) return;
  namesShown = key;
  button.hidden = false;
  const named = online.length <= NAMED + 1 ? online : online.slice(0, NAMED);
  const others = online.length - named.length;
  const words = named.flatMap((name, place) => [place > 0 ? ", " : "", el("bdi", {}, name)]);
  button.replaceChildren(
    online.length === 0 ? "Nobody is signed in" : "Online: ",
    ...words,
    others > 0 ? ` and ${others.toLocaleString("en")} more` : "",
  );
  byId("names", HTMLElement).replaceChildren(...online.map(person));
  setText("names-note", online.length === 0 ? "Guests draw without a name." : "Guests are not listed.");
}

/** @param {string} name */
function person(name) {
  return el("li", { class: "person" }, avatar(name), el("bdi", { class: "clip" }, name));
}
