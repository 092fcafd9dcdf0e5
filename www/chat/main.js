// @ts-check
// Chat rooms: a door to come in by, and the room behind it.

import { openChoice } from "../lib/choice.js";
import { written } from "../lib/composer.js";
import { byId, closestWith, el, on, setText } from "../lib/dom.js";
import { judge, mark, sentence } from "../lib/form.js";
import { onUser, startPage } from "../lib/page.js";
import { backOff } from "../lib/socket.js";
import { isOpenedWindow } from "../lib/tab.js";
import { counted } from "../lib/text.js";
import { createThread } from "../lib/thread.js";
import { offerWindows } from "../lib/windows.js";
import { here, lastName, rememberHere, rememberRoom } from "./memory.js";
import { enter, newRoom, receive, settle } from "./room.js";
import { openTransport } from "./transport.js";
import { draw } from "./view.js";

/** @import { Choice } from "../lib/choice.js" */
/** @import { RoomsHeard } from "../lib/protocol.js" */
/** @import { Thread } from "../lib/thread.js" */
/** @import { Here } from "./memory.js" */
/** @import { Room } from "./room.js" */
/** @import { Transport } from "./transport.js" */
/** @import { State } from "./view.js" */

/** What the server takes as a room's or a person's name, in characters. */
const NAME_MAX = 64;

/** How often a reload asks for its old name before it says that somebody has it; a lost connection asks on. */
const RELOAD_TRIES = 6;
/** Waits between asking for a name that is still held, in milliseconds, grow up to this. */
const HELD_WAIT_MAX = 15_000;

/** @type {State} */
const state = {
  phase: "outside",
  room: null,
  isReturn: false,
  tries: 0,
  heldBecause: "",
  unseen: 0,
  missed: 0,
  trouble: "",
  carried: null,
  isLeaving: false,
};

/** @type {ReturnType<typeof setTimeout> | undefined} */
let retryTimer;
let isRendering = false;
/** @type {Thread | null} */
let thread = null;

const life = new AbortController();
const room = byId("room", HTMLInputElement);
const name = byId("name", HTMLInputElement);
const text = byId("text", HTMLTextAreaElement);
const join = byId("join", HTMLFormElement);

const wanted = new URLSearchParams(location.search);
room.value = wanted.get("room") ?? "";
name.value = wanted.get("name") ?? lastName();
onUser((user) => {
  if (name.value === "" && user) name.value = user.username;
});
void startPage();

const handlers = { open: opened, state: connectionChanged, heard, stored, refused };
const choice = openChoice({ usual: "browser", changed: choiceChanged, signal: life.signal });
let chosen = choice.value;
/** None before it is known where to. @type {Transport | null} */
let transport = null;
listen();
if (choice.isKnown) start();
else void choice.ready.then(start);
render();
if (state.phase === "outside") (room.value === "" ? room : name).focus();

function start() {
  chosen = choice.value;
  transport = openTransport(chosen, handlers);
  const before = here(chosen.server.name);
  const isWanted = before?.room === clean(room.value) && [null, before.name].includes(wanted.get("name"));
  if (before && isWanted) comeBack(before);
  else forgetLeft();
  // A window that was opened with all that it takes does not ask for it again.
  if (state.phase === "outside" && isOpenedWindow() && wanted.has("room") && wanted.has("name")) join.requestSubmit();
  renderSoon();
}

/** To the room one was in, with what was not sent: after a reload, or after another server. @param {Here} before */
function comeBack(before) {
  begin(newRoom(before.room, before.name, before.written), true);
  const left = transport?.left ?? [];
  state.room?.unsent.push(...left.map(({ id, text: words }) => ({ id, text: words, isStored: false, error: null })));
}

/** What is left of another room is of no use in this one. */
function forgetLeft() {
  for (const { id } of transport?.left ?? []) transport?.forget(id);
}

/** @param {Choice} now */
function choiceChanged(now) {
  const before = chosen.server;
  if (transport && before.name === now.server.name) {
    chosen = now;
    transport.change(now);
  } else if (transport) {
    // Of the server that is left, this tab keeps the room one was in and what waits to be sent there.
    const of = state.room ?? state.carried;
    rememberHere(before.name, of && { room: of.id, name: of.name, written: of.written });
    transport.close();
    if (of) [room.value, name.value] = [of.id, of.name];
    toDoor();
    chosen = now;
    transport = openTransport(now, handlers);
    const known = here(now.server.name);
    if (known) comeBack(known);
    else {
      forgetLeft();
      history.replaceState(null, "", choice.address());
      room.focus();
    }
  }
  renderSoon();
}

function listen() {
  const { signal } = life;
  join.noValidate = true;
  on(join, "submit", knock, signal);
  on(join, "input", ({ target }) => target instanceof HTMLInputElement && mark(target, ""), signal);
  on(byId("recent-rooms", HTMLElement), "click", chooseRecent, signal);
  on(byId("leave", HTMLButtonElement), "click", leave, signal);
  on(byId("cancel", HTMLButtonElement), "click", leave, signal);
  on(byId("notice", HTMLElement), "click", answerNotice, signal);
  on(byId("composer", HTMLFormElement), "submit", (event) => {
    event.preventDefault();
    send();
  });
  on(text, "keydown", typed, signal);
  on(text, "input", () => {
    state.trouble = "";
    renderSoon();
  });
  on(byId("newest", HTMLButtonElement), "click", () => {
    thread?.end();
    text.focus({ preventScroll: true });
  });
  const { button } = offerWindows({
    label: "Your name in it",
    nameMax: NAME_MAX,
    name: () => clean(state.room?.name ?? name.value) || "Guest",
    address: (called) => {
      const where = clean(state.room?.id ?? room.value);
      return choice.address({ ...(where !== "" && { room: where }), name: called }, { isWhole: true });
    },
    signal,
  });
  byId("way", HTMLElement).append(button);
  addEventListener("pagehide", keepHere, { signal });
  document.addEventListener("visibilitychange", looked, { signal });
}

/** @param {Event} event */
function knock(event) {
  event.preventDefault();
  if (state.phase !== "outside") return;
  const id = clean(room.value);
  const called = clean(name.value);
  const isGood = judge([
    [room, nameTrouble(id, "A room’s name")],
    [name, nameTrouble(called, "A name")],
  ]);
  if (!isGood) return;
  const entered = newRoom(id, called, 0);
  if (state.carried?.id === id) entered.unsent = state.carried.unsent;
  else giveUp(state.carried);
  state.carried = null;
  begin(entered, false);
}

/** @param {string} value @param {string} what */
function nameTrouble(value, what) {
  if (value === "") return `${what} is needed.`;
  const length = [...value].length;
  return length > NAME_MAX ? `${what} has at most ${NAME_MAX} characters; this one has ${length}.` : "";
}

/** @param {string} value */
function clean(value) {
  return value.replaceAll("\0", "").toWellFormed().trim();
}

/** @param {Event} event */
function chooseRecent(event) {
  const chosen = closestWith(event, "data-room")?.dataset.room;
  if (chosen === undefined) return;
  room.value = chosen;
  mark(room, "");
  if (clean(name.value) === "") name.focus();
  else join.requestSubmit();
}

/** @param {Room} where @param {boolean} isReturn */
function begin(where, isReturn) {
  state.room = where;
  state.isReturn = isReturn;
  state.tries = 0;
  ask();
}

/** Asks to be let in, if there is anybody to ask. */
function ask() {
  clearTimeout(retryTimer);
  if (!state.room) return;
  state.phase = "joining";
  const { id, name: called } = state.room;
  transport?.send({ type: "room-connect", roomId: id, name: called });
  renderSoon();
}

function opened() {
  if (state.room) ask();
}

function connectionChanged() {
  if (transport?.state !== "open" && state.phase !== "outside") {
    clearTimeout(retryTimer);
    // Whoever was in there is put out by the loss, and goes back in.
    if (state.phase === "inside") state.isReturn = true;
    state.phase = "joining";
    state.tries = 0;
  }
  renderSoon();
}

/** @param {RoomsHeard} message */
function heard(message) {
  switch (message.type) {
    case "room-connected":
      if (state.phase === "joining" && message.roomId === state.room?.id)
        entered(state.room, message.messages, message.members);
      break;
    case "members-changed":
      if (state.room && state.phase === "inside") membersChanged(state.room, message.names);
      break;
    case "receive-message":
      if (state.room && state.phase === "inside") arrived(state.room, message.name, message.message);
      break;
    case "error":
      if (state.phase === "joining") refusedEntry(message.error);
      else if (state.phase === "inside") state.trouble = sentence(message.error, "The server did not take it.");
      break;
  }
  renderSoon();
}

/** @param {Room} entering @param {{ sender: string, message: string }[]} messages @param {string[]} members */
function entered(entering, messages, members) {
  const isLonger = enter(entering, messages, members);
  state.phase = "inside";
  state.tries = 0;
  state.heldBecause = "";
  if (!thread) thread = newThread(entering);
  else if (!isLonger) thread.show(null);
  thread.show(entering);
  // What waits may go out now that the room is known to be this one.
  transport?.ready();
  rememberRoom(chosen.server.name, entering.id, entering.name);
  keepHere();
  history.replaceState(null, "", choice.address({ room: entering.id }));
  announce(`You are in ${entering.id}, ${counted(members.length, "person is", "people are")} here.`);
  // On a phone the keyboard would cover what is to be read.
  if (!state.isReturn && matchMedia("(pointer: fine)").matches) afterRender(() => text.focus({ preventScroll: true }));
  state.isReturn = true;
}

/** The thread of one room under one name. @param {Room} of */
function newThread(of) {
  const list = el("ol", { class: "list-plain talk-thread" });
  const scroller = el("section", { class: "talk-scroll", id: "scroller", tabIndex: 0, "aria-label": "Messages" }, list);
  document.getElementById("scroller")?.remove();
  byId("view", HTMLElement).prepend(scroller);
  return createThread(scroller, list, of.name, { looked, again: sendAgain, drop }, { isNamed: true });
}

/** @param {string} error */
function refusedEntry(error) {
  const words = sentence(error, "The server did not let you in.");
  state.tries += 1;
  state.heldBecause = words;
  const mayBeOurs = state.isReturn && (thread !== null || state.tries < RELOAD_TRIES);
  if (mayBeOurs) {
    state.phase = "held";
    retryTimer = setTimeout(ask, Math.min(backOff(state.tries), HELD_WAIT_MAX));
    return;
  }
  goOut();
  if (/name/i.test(error)) judge([[name, words]]);
  else judge([[room, words]]);
}

/** @param {Room} of @param {string[]} names */
function membersChanged(of, names) {
  const came = names.filter((one) => !of.members.includes(one));
  const went = of.members.filter((one) => !names.includes(one));
  of.members = names;
  const words = [
    came.length > 0 ? `${came.join(", ")} came in.` : "",
    went.length > 0 ? `${went.join(", ")} left.` : "",
  ];
  announce(words.join(" ").trim());
}

/** @param {Room} of @param {string} from @param {string} words */
function arrived(of, from, words) {
  receive(of, from, words);
  if (!thread?.isAtEnd) state.unseen += 1;
  if (document.visibilityState !== "visible") state.missed += 1;
  announce(`${from}: ${words.slice(0, 300)}`);
}

/** @param {string} id */
function stored(id) {
  if (state.room) settle(state.room, id);
  renderSoon();
}

/** @param {string} id @param {string} error */
function refused(id, error) {
  const unsent = state.room?.unsent.find((one) => one.id === id);
  if (unsent) unsent.error = sentence(error, "The server did not take it.");
  renderSoon();
}

/** @param {KeyboardEvent} event */
function typed(event) {
  // While an input method composes, Enter is its own; and on a phone it is the only way to a new line.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  send();
}

function send() {
  const { words, trouble } = written(text.value);
  if (!state.room || words.trim() === "") return;
  state.trouble = trouble;
  if (trouble !== "") {
    render();
    return;
  }
  text.value = "";
  write(state.room, words);
  thread?.end();
}

/** @param {Room} to @param {string} words */
function write(to, words) {
  if (!transport) return;
  const id = transport.write(words);
  to.unsent.push({ id, text: words, isStored: false, error: null });
  renderSoon();
}

/** @param {string} id */
function sendAgain(id) {
  const unsent = drop(id);
  if (unsent && state.room) write(state.room, unsent.text);
}

/** @param {string} id */
function drop(id) {
  const of = state.room;
  const unsent = of?.unsent.find((one) => one.id === id);
  if (of) of.unsent = of.unsent.filter((one) => one !== unsent);
  transport?.forget(id);
  renderSoon();
  return unsent;
}

function leave() {
  const waiting = state.room?.unsent.length ?? 0;
  // What is on its way on a good connection arrives before the leaving does.
  if (waiting > 0 && state.phase !== "inside" && !state.isLeaving) {
    state.isLeaving = true;
    render();
    return;
  }
  if (state.phase === "inside") transport?.send({ type: "room-leave" });
  goOut();
  history.replaceState(null, "", choice.address());
  announce("You left the room.");
  room.focus();
}

/** What was not sent to a room will not be. @param {Room | null} of */
function giveUp(of) {
  for (const { id } of of?.unsent ?? []) transport?.forget(id);
}

/** Out of the room for good, back to the door. */
function goOut() {
  if (state.room !== state.carried) giveUp(state.room);
  if (state.room) {
    room.value = state.room.id;
    name.value = state.room.name;
  }
  rememberHere(chosen.server.name, null);
  toDoor();
}

/** Back to the door, whatever the room. */
function toDoor() {
  clearTimeout(retryTimer);
  Object.assign(state, { phase: "outside", room: null, isReturn: false, isLeaving: false, unseen: 0, trouble: "" });
  document.getElementById("scroller")?.remove();
  thread = null;
  text.value = "";
  render();
}

/** @param {Event} event */
function answerNotice(event) {
  const answer = closestWith(event, "data-answer")?.dataset.answer;
  if (answer === "now") ask();
  else if (answer === "other") {
    state.carried = state.room;
    goOut();
    name.focus();
    name.select();
  }
}

function keepHere() {
  const { room: of, phase } = state;
  if (of && phase !== "outside") rememberHere(chosen.server.name, { room: of.id, name: of.name, written: of.written });
}

/** The end of the conversation came into view, or the page did. */
function looked() {
  if (thread?.isAtEnd) state.unseen = 0;
  if (document.visibilityState === "visible") state.missed = 0;
  renderSoon();
}

/** @param {string} words */
function announce(words) {
  setText("news", words);
}

/** @param {() => void} work */
function afterRender(work) {
  requestAnimationFrame(() => requestAnimationFrame(work));
}

/** Renders with the next frame: messages come faster than anybody can read. */
function renderSoon() {
  if (isRendering) return;
  isRendering = true;
  // A page that is not looked at has no frames, but a title.
  if (document.visibilityState === "visible") requestAnimationFrame(render);
  else setTimeout(render, 200);
}

function render() {
  isRendering = false;
  draw(state, { chosen, thread, isConnected: transport?.state === "open" });
}
