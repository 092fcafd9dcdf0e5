// @ts-check
// What the page of direct messages looks like, from what is so.

import { byId, el, setText, show } from "../lib/dom.js";
import { avatar, counted } from "../lib/text.js";

/** @import { Thread } from "../lib/thread.js" */
/** @import { Conversation } from "./conversations.js" */
/** @import { People } from "./people.js" */

/**
 * @typedef {object} State
 * @property {Map<string, Conversation>} conversations
 * @property {Set<string>} online
 * @property {boolean} isListed whether the server has said who there is
 * @property {string | null} chosen
 * @property {string | null} wanted who the address asks for, until the server has said who there is
 * @property {string | null} unknown nobody has this name
 * @property {string} search
 * @property {string} trouble said below the text field
 */

/**
 * What else there is to see.
 *
 * @typedef {object} Around
 * @property {string} me
 * @property {People} people
 * @property {Thread} thread
 * @property {Conversation[]} listed those whose names were looked for
 */

/** Shows all of it as it is. @param {State} state @param {Around} around */
export function draw(state, around) {
  const { me, people, listed } = around;
  const left = people.render(listed, { online: state.online, chosen: state.chosen });
  const others = [...state.conversations.keys()].filter((name) => name !== me);
  const unread = [...state.conversations.values()].reduce((sum, one) => sum + one.unread, 0);
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${state.chosen ?? "Messages"} · Framescope`;
  byId("content", HTMLElement).dataset.panel =
    state.chosen !== null || state.unknown !== null || state.wanted !== null ? "talk" : "people";
  show("more", left > 0);
  setText("more", `Show ${counted(left, "more person", "more people")}`);
  show("nobody", state.isListed && others.length === 0);
  show("not-found", state.search !== "" && listed.length === 0);
  setText("not-found-words", `Nobody’s name has “${state.search}” in it.`);
  drawConversation(state, around);
}

/** @param {State} state @param {Around} around */
function drawConversation(state, { me, thread }) {
  const conversation = state.chosen === null ? undefined : state.conversations.get(state.chosen);
  show("talk-head", conversation !== undefined || state.unknown !== null || state.wanted !== null);
  show("talk-body", conversation !== undefined);
  show("nothing-chosen", !conversation && state.unknown === null && state.wanted === null);
  show("unknown", state.unknown !== null);
  setText("unknown-words", `There is nobody called “${state.unknown}”.`);
  const name = conversation?.name ?? state.unknown ?? state.wanted ?? "";
  drawHead(name, conversation !== undefined);
  const presence = name === me ? "you" : state.online.has(name) ? "online" : "offline";
  setText("talk-presence", conversation ? presence : "");
  if (!conversation) return;
  thread.render();
  const isBlank = conversation.messages.length === 0 && conversation.unsent.length === 0;
  show("loading", isBlank && !conversation.isLoaded);
  show("no-messages", isBlank && conversation.isLoaded);
  setText(
    "no-messages-words",
    name === me ? "Messages to yourself are notes: only you see them." : `Say hello to ${name}.`,
  );
  show("newest", !thread.isAtEnd);
  setText("newest", conversation.unread > 0 ? `${counted(conversation.unread, "new message")} ↓` : "Newest ↓");
  setText("trouble", state.trouble);
  byId("send", HTMLButtonElement).disabled = byId("text", HTMLTextAreaElement).value.trim() === "";
}

/** @param {string} name @param {boolean} isKnown */
function drawHead(name, isKnown) {
  const head = byId("talk-name", HTMLElement);
  if (head.dataset.name === name) return;
  head.dataset.name = name;
  head.replaceChildren(...(isKnown ? [avatar(name)] : []), el("bdi", { class: "clip" }, name));
  byId("text", HTMLElement).setAttribute("aria-label", `Message to ${name}`);
  byId("scroller", HTMLElement).setAttribute("aria-label", `Conversation with ${name}`);
}
