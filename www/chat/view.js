// @ts-check
// What the page of rooms looks like, from what is so.

import { CLIENTS, OWN } from "../lib/choice.js";
import { byId, el, setText, show } from "../lib/dom.js";
import { isOpenedWindow } from "../lib/tab.js";
import { avatar, counted } from "../lib/text.js";
import { recentRooms } from "./memory.js";

/** @import { Choice } from "../lib/choice.js" */
/** @import { Thread } from "../lib/thread.js" */
/** @import { Room } from "./room.js" */

/**
 * @typedef {object} State
 * @property {"outside" | "joining" | "held" | "inside"} phase `outside`: at the door; `joining`: the server was or will
 *   be asked; `held`: it said no, and will be asked again
 * @property {Room | null} room the one one is in or on the way to
 * @property {boolean} isReturn one was in there on an earlier connection or page, so that one's name may still be held by that
 * @property {number} tries how often the name was found held
 * @property {string} heldBecause why, in the server's words
 * @property {number} unseen messages that came in below what is looked at
 * @property {number} missed messages that came in while the page was not looked at
 * @property {string} trouble said below the text field
 * @property {Room | null} carried what waited to be sent to a room when another name was wanted there
 * @property {boolean} isLeaving Leave was pressed while something waits to be sent
 */

/**
 * What else there is to see.
 *
 * @typedef {object} Around
 * @property {Choice} chosen
 * @property {Thread | null} thread of the room, once one is in there
 * @property {boolean} isConnected
 */

const usual = document.title;

/** Shows all of it as it is. @param {State} state @param {Around} around */
export function draw(state, around) {
  const { chosen, thread } = around;
  const { room: of, phase } = state;
  const isInRoom = of !== null && thread !== null;
  show("door", !isInRoom);
  show("inside", isInRoom);
  // Of several windows each says whose it is.
  const title = isOpenedWindow() && of ? `${of.name} in ${of.id}` : of?.id;
  document.title = (state.missed > 0 ? `(${state.missed}) ` : "") + (isInRoom ? `${title} · ${usual}` : usual);
  // One pair of choosers: at the door in sight, in the room behind a button.
  const place = byId(isInRoom ? "way-inside" : "way-door", HTMLElement);
  const way = byId("way", HTMLElement);
  if (way.parentElement !== place) place.append(way);
  drawDoor(state, around);
  if (!isInRoom) return;
  setText("way-words", `${chosen.server.name} · ${chosen.client === "wasm" ? "wasm" : CLIENTS.browser}`);
  setText("room-name", of.id);
  setText("silence-room", of.id);
  drawNotice(state);
  drawMembers(of);
  thread.render();
  show("silence", phase === "inside" && of.messages.length + of.unsent.length === 0);
  show("newest", !thread.isAtEnd);
  setText("newest", state.unseen > 0 ? `${counted(state.unseen, "new message")} ↓` : "Newest ↓");
  byId("send", HTMLButtonElement).disabled = byId("text", HTMLTextAreaElement).value.trim() === "";
  setText("trouble", state.trouble);
  setText("leave", state.isLeaving ? `Leave, and drop ${counted(of.unsent.length, "message")}` : "Leave");
}

/** @param {State} state @param {Around} around */
function drawDoor(state, { chosen, isConnected }) {
  const isOutside = state.phase === "outside";
  for (const id of ["room", "name"]) byId(id, HTMLInputElement).readOnly = !isOutside;
  const button = byId("enter", HTMLButtonElement);
  button.setAttribute("aria-disabled", String(!isOutside));
  show("cancel", !isOutside);
  // A reload can be quicker than the end of the connection before it.
  const asked = state.tries > 0 ? "Your name is still held there …" : "Joining …";
  const server = chosen.server === OWN ? "the server" : chosen.server.name;
  const words = isConnected ? asked : `Waiting for ${server} …`;
  setText("enter", isOutside ? "Join" : words);
  const rooms = recentRooms(chosen.server.name);
  show("recent", rooms.length > 0);
  const shown = [chosen.server.name, ...rooms].join("\n");
  const list = byId("recent-rooms", HTMLElement);
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(...rooms.map(recent));
}

/** @param {string} id */
function recent(id) {
  const button = el("button", { class: "chat-recent-room clip", type: "button", "data-room": id }, el("bdi", {}, id));
  return el("li", {}, button);
}

let noticeShown = "";

/** @param {State} state */
function drawNotice(state) {
  const notice = byId("notice", HTMLElement);
  const isHeld = state.phase === "held" || (state.phase === "joining" && state.tries > 0);
  const shown = isHeld ? state.heldBecause : "";
  if (shown === noticeShown) return;
  noticeShown = shown;
  const again = el("button", { class: "link", type: "button", "data-answer": "now" }, "Try now");
  const other = el("button", { class: "link", type: "button", "data-answer": "other" }, "Take another name");
  const words = `The server still holds your place for the connection that was lost: ${shown} This page asks again until it is free. `;
  notice.replaceChildren(...(isHeld ? [words, again, " ", other] : []));
}

let membersShown = "";

/** @param {Room} of */
function drawMembers(of) {
  const { members } = of;
  setText("present", `${counted(members.length, "person", "people")} here`);
  setText("members-count", String(members.length));
  const shown = JSON.stringify([of.name, members]);
  if (shown === membersShown) return;
  membersShown = shown;
  for (const id of ["members", "popover-members"])
    byId(id, HTMLElement).replaceChildren(...members.map((one) => member(one, one === of.name)));
}

/** @param {string} called @param {boolean} isMe */
function member(called, isMe) {
  return el(
    "li",
    { class: "chat-member" },
    avatar(called),
    el("bdi", { class: "clip" }, called),
    " ",
    isMe ? el("span", { class: "note" }, "(you)") : null,
  );
}
