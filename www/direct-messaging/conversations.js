// @ts-check
// What is known of the conversations of one user. No DOM and no socket: what came, and what is to be asked next.
//
// The messages of two people are numbered from 1 without a hole, and the server shows them in that order, so
// counting is enough to know where one belongs.

/** @import { DirectMessage } from "../lib/protocol.js" */
/** @import { Message, Unsent } from "../lib/thread.js" */

/**
 * @typedef {object} Conversation
 * @property {string} name of the other, as registered
 * @property {Message[]} messages the last ones, without a hole
 * @property {Unsent[]} unsent
 * @property {number | null} head the number of the last message, 0 if there is none; null while unknown
 * @property {number} known the head that this browser knew last
 * @property {boolean} isLoaded whether `messages` reaches up to the last
 * @property {number | null} older where the page before these messages ends; null at the beginning
 * @property {{ from: string, text: string } | null} last
 * @property {number} unread
 * @property {boolean} isMoreUnread there are more than `unread` says
 * @property {number} read the number of the last message that was looked at
 * @property {number} activeAt when something happened here, as far as this browser knows; 0 for never
 */

/** What outlives the page. @typedef {{ read: number, head: number, activeAt: number }} Kept */

/** What to ask the server: the last messages of a conversation, or those before the ones that are there. @typedef {{ name: string, before?: number, limit: number, purpose: "tail" | "older" | "look" | "count" }} Question */

/** Messages asked for at once. */
export const PAGE = 60;
/** More unread ones than this are not counted. */
export const UNREAD_MAX = 99;
/** Messages kept of a conversation that nobody looks at. */
const IDLE_MAX = 200;

/** @param {string} name @returns {Conversation} */
export function newConversation(name) {
  return {
    name,
    messages: [],
    unsent: [],
    head: null,
    known: 0,
    isLoaded: false,
    older: null,
    last: null,
    unread: 0,
    isMoreUnread: false,
    read: 0,
    activeAt: 0,
  };
}

/**
 * The last messages, as they are now.
 *
 * @param {Conversation} conversation
 * @param {DirectMessage[]} messages
 * @param {number} first the number of the first of them
 */
export function takeTail(conversation, messages, first) {
  const fresh = numbered(messages, first);
  const before = conversation.messages.filter(({ number }) => number < first);
  const joins = before.length > 0 && before.at(-1)?.number === first - 1;
  conversation.messages = joins ? [...before, ...fresh] : fresh;
  if (!joins) conversation.older = first > 1 ? first : null;
  conversation.isLoaded = true;
  setHead(conversation, first + messages.length - 1);
  // Whatever the server has stored is among them.
  conversation.unsent = conversation.unsent.filter(({ isStored }) => !isStored);
  conversation.last = conversation.messages.at(-1) ?? null;
}

/**
 * The messages before those that are there.
 *
 * @param {Conversation} conversation
 * @param {DirectMessage[]} messages
 * @param {number} first
 */
export function takeOlder(conversation, messages, first) {
  if (conversation.older !== first + messages.length) return;
  conversation.messages = [...numbered(messages, first), ...conversation.messages];
  conversation.older = first > 1 ? first : null;
}

/**
 * The last message or few, to see whether there is something new.
 *
 * @param {Conversation} conversation
 * @param {DirectMessage[]} messages
 * @param {number} first
 * @param {string} me
 * @param {number} now when we looked
 * @returns {number} how many messages to look at in order to count the unread ones; 0 if there is no need
 */
export function takeLook(conversation, messages, first, me, now) {
  const head = first + messages.length - 1;
  if (head !== conversation.head) conversation.isLoaded = false;
  if (head > conversation.known) conversation.activeAt = now;
  setHead(conversation, head);
  const last = messages.at(-1);
  if (!last) return 0;
  conversation.last = { from: last.fromUser, text: last.text };
  // Who wrote last has seen what was there before.
  if (last.fromUser === me) conversation.read = head;
  const fresh = head - conversation.read;
  if (fresh > messages.length) return Math.min(fresh, UNREAD_MAX + 1);
  countUnread(conversation, numbered(messages, first), me);
  return 0;
}

/**
 * A message that has just been sent, by either.
 *
 * @param {Conversation} conversation
 * @param {Message} message
 * @param {string} me
 * @param {number} now
 * @returns {boolean} false if some before it are missing
 */
export function takeLive(conversation, message, me, now) {
  const { number, from, text } = message;
  const next = (conversation.head ?? 0) + 1;
  if (conversation.head !== null && number < next) return true;
  const isNext = conversation.head !== null && number === next;
  // Not `setHead`: what was looked at in another tab may be ahead of what has come here.
  conversation.head = number;
  conversation.known = number;
  if (conversation.isLoaded && isNext) conversation.messages.push(message);
  else conversation.isLoaded = false;
  conversation.last = { from, text };
  conversation.activeAt = now;
  if (from === me) {
    conversation.read = number;
    clearUnread(conversation);
    // It is here, so what stood for it may go.
    const place = conversation.unsent.findIndex((one) => one.text === text && one.error === null);
    if (place >= 0) conversation.unsent.splice(place, 1);
  } else if (number > conversation.read) {
    // It may have been looked at in another tab already.
    if (conversation.unread >= UNREAD_MAX) conversation.isMoreUnread = true;
    else conversation.unread += 1;
  }
  return isNext;
}

/**
 * What was there has been looked at.
 *
 * @param {Conversation} conversation
 * @returns {boolean} whether that is news
 */
export function markRead(conversation) {
  const { head, read, unread } = conversation;
  if (head === null || (read === head && unread === 0)) return false;
  conversation.read = head;
  clearUnread(conversation);
  return true;
}

/**
 * Counts what the other wrote since it was last looked at, or answered.
 *
 * @param {Conversation} conversation
 * @param {Message[]} messages the last ones
 * @param {string} me
 */
export function countUnread(conversation, messages, me) {
  const answered = messages.findLast(({ from }) => from === me)?.number ?? 0;
  const from = Math.max(answered, conversation.read);
  const count = messages.filter(({ number }) => number > from).length;
  const first = messages[0]?.number ?? 0;
  conversation.unread = Math.min(count, UNREAD_MAX);
  conversation.isMoreUnread = count > UNREAD_MAX || (first > from + 1 && count > 0);
}

/** Memory is not filled by conversations that were only passed through. @param {Conversation} conversation */
export function forget(conversation) {
  const { messages } = conversation;
  if (messages.length <= IDLE_MAX) return;
  conversation.messages = messages.slice(-PAGE);
  conversation.older = conversation.messages[0]?.number ?? null;
}

/** @param {Conversation} conversation @returns {Kept} */
export function kept({ read, known, activeAt }) {
  return { read, head: known, activeAt };
}

/** @param {Conversation} conversation @param {Kept} kept */
export function restore(conversation, { read, head, activeAt }) {
  Object.assign(conversation, { read, known: head, activeAt });
}

/**
 * Those with whom something happened last first, then who is online, then by name.
 *
 * @param {Iterable<Conversation>} conversations
 * @param {Set<string>} online
 * @returns {Conversation[]}
 */
export function sorted(conversations, online) {
  return [...conversations].sort(
    (one, other) =>
      other.activeAt - one.activeAt ||
      Number(online.has(other.name)) - Number(online.has(one.name)) ||
      names.compare(one.name, other.name),
  );
}

const names = new Intl.Collator("en", { sensitivity: "base", numeric: true });

/** @param {DirectMessage[]} messages @param {number} first @returns {Message[]} */
export function numbered(messages, first) {
  return messages.map(({ fromUser, text }, place) => ({ number: first + place, from: fromUser, text }));
}

/** @param {Conversation} conversation @param {number} head */
function setHead(conversation, head) {
  conversation.head = head;
  conversation.known = head;
  // Another record than the one that was looked at: everything in it is new.
  if (conversation.read > head) conversation.read = 0;
}

/** @param {Conversation} conversation */
function clearUnread(conversation) {
  conversation.unread = 0;
  conversation.isMoreUnread = false;
}
