// @ts-check
// Direct messages: who there is on one side, the conversation with one of them on the other.

import { connect } from "../lib/app-socket.js";
import { written } from "../lib/composer.js";
import { byId, closestWith, on } from "../lib/dom.js";
import { startPage } from "../lib/page.js";
import { createThread } from "../lib/thread.js";
import {
  countUnread,
  forget,
  kept,
  markRead,
  newConversation,
  numbered,
  PAGE,
  restore,
  sorted,
  takeLive,
  takeLook,
  takeOlder,
  takeTail,
} from "./conversations.js";
import { createMemory } from "./memory.js";
import { addressOf, createPeople } from "./people.js";
import { draw } from "./view.js";

/** @import { DirectMessage, Heard } from "../lib/protocol.js" */
/** @import { Unsent } from "../lib/thread.js" */
/** @import { Conversation, Question } from "./conversations.js" */
/** @import { State } from "./view.js" */

/** People whose conversation is looked into for unread messages when the page connects. */
const LOOKS_MAX = 1_000;
/** How long after the last key a draft is kept. */
const DRAFT_MS = 300;

const { user } = await startPage({ needsUser: true });
const me = user?.username ?? "";
const memory = createMemory(user?.id ?? 0);

/** @type {State} */
const state = {
  conversations: new Map(),
  online: new Set(),
  isListed: false,
  chosen: null,
  wanted: new URLSearchParams(location.search).get("with"),
  unknown: null,
  search: "",
  trouble: "",
};

/** What is still to be asked on this connection, one after the other, because an answer does not say to what. @type {Question[]} */
let questions = [];
/** @type {Question | null} */
let asked = null;
/** When this connection began: all that was missed before counts as of then. */
let connectedAt = 0;
let connection = 0;
/** To whom what has not come back went, by its id, and on which connection first. @type {Map<string, { name: string, connection: number }>} */
const sent = new Map();
let isRendering = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let draftTimer;

const search = byId("search", HTMLInputElement);
const text = byId("text", HTMLTextAreaElement);
const composer = byId("composer", HTMLFormElement);
const people = createPeople(byId("people", HTMLElement), me);
const thread = createThread(byId("scroller", HTMLElement), byId("thread", HTMLElement), me, {
  older: askOlder,
  looked: () => {
    look();
    renderSoon();
  },
  again: sendAgain,
  drop: dropUnsent,
});
const socket = connect({
  kept: "What you write is kept, and sent when the server is back.",
  on: { open: opened, message: heard },
});

for (const message of socket.unsent)
  if ("targetUser" in message && message.id) {
    conversationWith(message.targetUser).unsent.push(unsentOf(message.id, message.text));
    sent.set(message.id, { name: message.targetUser, connection: -1 });
  }
socket.onStored(stored);
socket.onRefused(refused);

on(byId("people", HTMLElement), "click", (event) => {
  const name = closestWith(event, "data-name")?.dataset.name;
  // A new tab is a new tab.
  if (name === undefined || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  goTo(name);
});
on(search, "input", () => {
  state.search = search.value.trim();
  render();
});
on(search, "keydown", (event) => {
  if (event.key === "Enter" && state.search !== "") {
    event.preventDefault();
    const [first] = found();
    if (first) goTo(first.name);
  } else if (event.key === "Escape" && search.value !== "") {
    event.preventDefault();
    clearSearch();
  }
});
on(byId("clear", HTMLButtonElement), "click", clearSearch);
on(byId("more", HTMLButtonElement), "click", () => {
  people.more();
  render();
});
on(byId("back", HTMLAnchorElement), "click", (event) => {
  event.preventDefault();
  const row = document.querySelector("[data-name][aria-current]");
  history.pushState(null, "", "/direct-messaging");
  wish(null);
  if (row instanceof HTMLElement) row.focus();
});
on(byId("newest", HTMLButtonElement), "click", () => {
  thread.end();
  text.focus({ preventScroll: true });
});
on(composer, "submit", (event) => {
  event.preventDefault();
  send();
});
on(text, "keydown", (event) => {
  // While an input method composes, Enter is its own.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
on(text, "input", () => {
  state.trouble = "";
  clearTimeout(draftTimer);
  draftTimer = setTimeout(keepDraft, DRAFT_MS);
  renderSoon();
});
addEventListener("popstate", () => wish(new URLSearchParams(location.search).get("with")));
addEventListener("pagehide", keepDraft);
addEventListener("storage", (event) => {
  const news = memory.heard(event);
  const conversation = news && state.conversations.get(news.name);
  if (!conversation || news.kept.read <= conversation.read) return;
  // Looked at in another tab. It may tell of messages that have yet to come here, and will have been read then.
  conversation.read = news.kept.read;
  countUnread(conversation, conversation.messages, me);
  renderSoon();
});
document.addEventListener("visibilitychange", () => {
  look();
  renderSoon();
});
render();

function opened() {
  connection += 1;
  connectedAt = Date.now();
  questions = [];
  asked = null;
  socket.send({ messageType: "get_all_users" });
  for (const conversation of state.conversations.values()) conversation.isLoaded = false;
  // What is shown first, and what waits to be sent after it: then nothing is there twice. Who asks for pages is told
  // from then on to whom a message went, and its number.
  ask(state.chosen === null ? { name: me, limit: 1, purpose: "look" } : tailOf(state.chosen));
}

/** @param {Heard} message */
function heard(message) {
  switch (message.messageType) {
    case "active_users_list":
      state.online = new Set(message.users.map(({ username }) => username));
      for (const name of state.online) conversationWith(name);
      break;
    case "all_users_list":
      listed(message.users.map(({ username }) => username));
      break;
    case "message_history":
      answered(message.messages, message.first ?? 1);
      break;
    case "direct_message":
      arrived(message);
      break;
    case "error":
      if (message.id === undefined && asked) unanswered();
      break;
  }
  renderSoon();
}

/** @param {string[]} names */
function listed(names) {
  for (const name of names) conversationWith(name);
  state.isListed = true;
  if (state.wanted !== null) wish(state.wanted);
  // Those with whom something was going on first: their counts are waited for.
  for (const { name } of sorted(state.conversations.values(), state.online).slice(0, LOOKS_MAX))
    if (name !== state.chosen) ask({ name, limit: 1, purpose: "look" });
}

/** Opens the conversation that an address names, in whichever case. @param {string | null} name */
function wish(name) {
  state.unknown = null;
  state.wanted = null;
  if (name === null) {
    choose(null);
    return render();
  }
  const lower = name.toLowerCase();
  const known = [...state.conversations.keys()].find((one) => one.toLowerCase() === lower);
  if (known !== undefined) return choose(known);
  if (!state.isListed) state.wanted = name;
  else {
    choose(null);
    state.unknown = name;
  }
  render();
}

/** @param {string} name */
function goTo(name) {
  if (name !== state.chosen) history.pushState(null, "", addressOf(name));
  choose(name);
  // On a phone the keyboard would cover what is to be read.
  if (matchMedia("(pointer: fine)").matches) text.focus({ preventScroll: true });
}

/** @param {string | null} name */
function choose(name) {
  if (name === state.chosen) return;
  keepDraft();
  const before = state.chosen === null ? undefined : state.conversations.get(state.chosen);
  if (before) forget(before);
  state.chosen = name;
  state.unknown = null;
  state.trouble = "";
  const conversation = name === null ? null : conversationWith(name);
  text.value = name === null ? "" : memory.draft(name);
  if (conversation && !conversation.isLoaded) ask(tailOf(conversation.name));
  thread.show(conversation);
  look();
  render();
}

/** @param {string} name @returns {Conversation} */
function conversationWith(name) {
  const known = state.conversations.get(name);
  if (known) return known;
  const made = newConversation(name);
  const remembered = memory.recall(name);
  if (remembered) restore(made, remembered);
  state.conversations.set(name, made);
  return made;
}

/** @param {string} name @returns {Question} */
function tailOf(name) {
  return { name, limit: PAGE, purpose: "tail" };
}

/** @param {Question} question */
function ask(question) {
  const isSame = (/** @type {Question} */ one) => one.name === question.name && one.purpose === question.purpose;
  questions = questions.filter((one) => !isSame(one));
  // Whatever somebody waits to see goes before what only counts.
  if (question.purpose === "look") questions.push(question);
  else questions.unshift(question);
  askNext();
}

function askNext() {
  if (asked || socket.state !== "open") return;
  asked = questions.shift() ?? null;
  if (!asked) return;
  const { name, before, limit } = asked;
  socket.send({ messageType: "select_user", targetUser: name, limit, ...(before === undefined ? {} : { before }) });
}

/** @param {DirectMessage[]} messages @param {number} first */
function answered(messages, first) {
  const question = asked;
  asked = null;
  if (question) {
    const { name, purpose } = question;
    const conversation = conversationWith(name);
    if (purpose === "tail") {
      takeTail(conversation, messages, first);
      countUnread(conversation, conversation.messages, me);
    } else if (purpose === "older") {
      takeOlder(conversation, messages, first);
    } else if (purpose === "count") {
      countUnread(conversation, numbered(messages, first), me);
    } else {
      const more = takeLook(conversation, messages, first, me, memory.recall(name) ? connectedAt : 1);
      if (more > 0) ask({ name, limit: more, purpose: "count" });
    }
    remember(conversation);
    if (name === state.chosen) look();
  }
  // Before anything is added to it, what there was is known.
  socket.ready();
  askNext();
}

function unanswered() {
  const question = asked;
  asked = null;
  socket.ready();
  if (question?.name === state.chosen && question?.purpose === "tail") {
    state.conversations.delete(question.name);
    choose(null);
    state.unknown = question.name;
  }
  askNext();
}

/** @param {DirectMessage} message */
function arrived({ fromUser, targetUser, text: words, number }) {
  // Before the first answer nothing is numbered; it will be among what is asked for.
  if (targetUser === undefined || number === undefined) return;
  const name = fromUser === me ? targetUser : fromUser;
  const conversation = conversationWith(name);
  const isWhole = takeLive(conversation, { number, from: fromUser, text: words }, me, Date.now());
  if (!isWhole && name === state.chosen) ask(tailOf(name));
  if (fromUser !== me) announce(name === state.chosen ? `${name}: ${words.slice(0, 300)}` : `New message from ${name}`);
  look();
  remember(conversation);
}

/** The end of the conversation is in view, and with it all that is new. */
function look() {
  const conversation = state.chosen === null ? undefined : state.conversations.get(state.chosen);
  if (!conversation?.isLoaded || !thread.isAtEnd || document.visibilityState !== "visible") return;
  if (markRead(conversation)) remember(conversation);
}

/** @param {Conversation} conversation */
function remember(conversation) {
  if (conversation.known > 0 || conversation.activeAt > 0) memory.keep(conversation.name, kept(conversation));
}

function askOlder() {
  const conversation = state.chosen === null ? undefined : state.conversations.get(state.chosen);
  if (!conversation?.isLoaded || conversation.older === null || asked?.purpose === "older") return;
  ask({ name: conversation.name, before: conversation.older, limit: PAGE, purpose: "older" });
}

function send() {
  const { words, trouble } = written(text.value);
  if (state.chosen === null || words.trim() === "") return;
  state.trouble = trouble;
  if (trouble !== "") return render();
  text.value = "";
  keepDraft();
  sendTo(state.chosen, words);
  thread.end();
}

/** @param {string} name @param {string} words */
function sendTo(name, words) {
  const id = socket.sendStored({ messageType: "direct_message", targetUser: name, text: words });
  conversationWith(name).unsent.push(unsentOf(id, words));
  sent.set(id, { name, connection: socket.state === "open" ? connection : -1 });
  renderSoon();
}

/** @param {string} id @param {string} words @returns {Unsent} */
function unsentOf(id, words) {
  return { id, text: words, isStored: false, error: null };
}

/** @param {string} id */
function stored(id) {
  const ours = sent.get(id);
  sent.delete(id);
  const unsent = ours && conversationWith(ours.name).unsent.find((one) => one.id === id);
  if (!unsent) return;
  unsent.isStored = true;
  // It may have been stored on an earlier connection, and shown there; then it does not come again.
  if (ours.connection !== connection) ask(tailOf(ours.name));
  renderSoon();
}

/** @param {string | undefined} id @param {string} error */
function refused(id, error) {
  const ours = sent.get(id ?? "");
  if (!ours) return;
  sent.delete(id ?? "");
  const unsent = conversationWith(ours.name).unsent.find((one) => one.id === id);
  if (unsent) unsent.error = error;
  renderSoon();
}

/** @param {string} id */
function sendAgain(id) {
  const text = dropUnsent(id);
  if (state.chosen !== null && text !== undefined) sendTo(state.chosen, text);
}

/** @param {string} id */
function dropUnsent(id) {
  const conversation = state.chosen === null ? undefined : state.conversations.get(state.chosen);
  const found = conversation?.unsent.find((one) => one.id === id);
  if (conversation) conversation.unsent = conversation.unsent.filter((one) => one !== found);
  renderSoon();
  return found?.text;
}

function keepDraft() {
  clearTimeout(draftTimer);
  if (state.chosen !== null) memory.keepDraft(state.chosen, text.value);
}

function clearSearch() {
  search.value = "";
  state.search = "";
  search.focus();
  render();
}

function found() {
  const words = state.search.toLowerCase();
  const all = sorted(state.conversations.values(), state.online);
  return words === "" ? all : all.filter(({ name }) => name.toLowerCase().includes(words));
}

/** Read out, and not shown: what is new is seen anyway. @param {string} words */
function announce(words) {
  byId("news", HTMLElement).textContent = words;
}

/** Once for all that happens in a row. A frame would never come in a tab that nobody looks at. */
function renderSoon() {
  if (isRendering) return;
  isRendering = true;
  setTimeout(() => {
    isRendering = false;
    render();
  });
}

function render() {
  draw(state, { me, people, thread, listed: found() });
}
