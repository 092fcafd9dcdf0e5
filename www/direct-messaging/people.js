// @ts-check
// The list of people to write to, kept in step without being built anew: it changes whenever somebody comes or goes.

import { el } from "../lib/dom.js";
import { avatar } from "../lib/text.js";
import { arrange } from "../lib/thread.js";

/** @import { Conversation } from "./conversations.js" */

/** @typedef {ReturnType<typeof createPeople>} People */

/** Rows at first; the rest on request, or by searching. */
const ROWS = 600;

/**
 * @param {HTMLElement} list
 * @param {string} me
 */
export function createPeople(list, me) {
  /** @type {Map<string, { row: HTMLElement, shows: string }>} */
  const rows = new Map();
  let most = ROWS;

  return {
    /**
     * @param {Conversation[]} conversations in their order
     * @param {{ online: Set<string>, chosen: string | null }} now
     */
    render: (conversations, { online, chosen }) => {
      const elements = conversations.slice(0, most).map((conversation) => {
        const { name } = conversation;
        const isOnline = online.has(name);
        const isChosen = name === chosen;
        const count = conversation.unread === 0 ? "" : `${conversation.unread}${conversation.isMoreUnread ? "+" : ""}`;
        const preview = previewOf(conversation, me);
        const shows = JSON.stringify([isOnline, isChosen, count, preview]);
        const known = rows.get(name);
        if (known?.shows === shows) return known.row;
        const row = known?.row ?? el("li", {});
        const link = row.querySelector("a") ?? row.appendChild(el("a", { class: "contact", "data-name": name }));
        link.href = addressOf(name);
        if (isChosen) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
        link.replaceChildren(
          avatar(name),
          el(
            "span",
            { class: "contact-words" },
            el("bdi", { class: "contact-name clip" }, name, name === me ? " (you)" : ""),
            el("span", { class: "contact-last clip", dir: "auto" }, preview),
          ),
          ...(count ? [el("span", { class: "count" }, count, el("span", { class: "unseen" }, " unread"))] : []),
          el("span", { class: "unseen" }, isOnline ? ", online" : ", offline"),
          el("span", { class: "presence", "data-online": isOnline, title: isOnline ? "Online" : "Offline" }),
        );
        rows.set(name, { row, shows });
        return row;
      });
      arrange(list, elements);
      return conversations.length - elements.length;
    },
    /** Shows as many again. */
    more: () => {
      most += ROWS;
    },
  };
}

/** @param {string} name */
export function addressOf(name) {
  return `/direct-messaging?${new URLSearchParams({ with: name })}`;
}

/** The beginning of the last message. @param {Conversation} conversation @param {string} me */
function previewOf({ last, unsent, name }, me) {
  const ours = unsent.at(-1);
  const shown = ours ? { from: me, text: ours.text } : last;
  if (!shown) return "";
  const words = shown.text.slice(0, 120).replace(/\s+/g, " ").trim();
  return shown.from === me && name !== me ? `You: ${words}` : words;
}
