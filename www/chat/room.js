// @ts-check
// What is known of the room one is in. No DOM and no socket.
//
// A room's messages are counted from 1. One's own are not sent back: they stand at the end, and become part of the
// conversation when the server says that it has stored them, which it says in the order in which others see them.

/** @import { RoomMessage } from "../lib/protocol.js" */
/** @import { Conversation, Message, Unsent } from "../lib/thread.js" */

/**
 * @typedef {object} Facts
 * @property {string} id
 * @property {string} name one's own, in this room
 * @property {string[]} members
 * @property {number} written how many of the room's messages are under one's own name, as far as is known
 */

/** @typedef {Facts & Conversation} Room */

/**
 * @param {string} id
 * @param {string} name
 * @param {number} written
 * @returns {Room}
 */
export function newRoom(id, name, written) {
  return { id, name, members: [], written, messages: [], unsent: [], older: null };
}

/**
 * The room was joined, for the first time or again: the server's word for what was said in it replaces what was known.
 *
 * @param {Room} room
 * @param {RoomMessage[]} history
 * @param {string[]} members
 * @returns {boolean} whether what was known is still the beginning of it
 */
export function enter(room, history, members) {
  const messages = history.map(({ sender, message }, place) => ({ number: place + 1, from: sender, text: message }));
  const isLonger = room.messages.every((known, place) => isSame(known, messages[place]));
  room.unsent = withoutStored(room, messages);

  room.messages = messages;
  room.members = members;
  room.written = messages.filter(({ from }) => from === room.name).length;
  return isLonger;
}

/**
 * Of the messages that wait, those that are not in the history: a message can be stored, and the word of it lost with
 * the connection. They are stored in the order of sending, and after all that were known to be.
 *
 * @param {Room} room
 * @param {Message[]} messages
 * @returns {Unsent[]}
 */
function withoutStored({ name, written, unsent }, messages) {
  const news = messages.filter(({ from }) => from === name).slice(written);
  let place = 0;
  return unsent.filter(({ text, error }) => {
    if (error !== null) return true;
    const found = news.findIndex((message, at) => at >= place && message.text === text);
    if (found < 0) return true;
    place = found + 1;
    return false;
  });
}

/**
 * Somebody else said something.
 *
 * @param {Room} room
 * @param {string} from
 * @param {string} text
 */
export function receive(room, from, text) {
  room.messages.push({ number: (room.messages.at(-1)?.number ?? 0) + 1, from, text });
  if (from === room.name) room.written += 1;
}

/**
 * The server has stored what one said.
 *
 * @param {Room} room
 * @param {string} id
 * @returns {boolean} whether that was news
 */
export function settle(room, id) {
  const unsent = room.unsent.find((one) => one.id === id);
  if (!unsent) return false;
  room.unsent = room.unsent.filter((one) => one !== unsent);
  receive(room, room.name, unsent.text);
  return true;
}

/** @param {Message} known @param {Message | undefined} message */
function isSame(known, message) {
  return known.from === message?.from && known.text === message.text;
}
