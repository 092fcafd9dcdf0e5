// @ts-check
// Shows one conversation: of ten thousand messages the hundred or so around the place that is looked at.

import { closestWith, el, on } from "./dom.js";
import { avatar, linkified } from "./text.js";

/**
 * @typedef {object} Message
 * @property {number} number counts up by one from message to message
 * @property {string} from
 * @property {string} text
 */

/**
 * A message of ours that is not among the others yet.
 *
 * @typedef {object} Unsent
 * @property {string} id
 * @property {string} text
 * @property {boolean} isStored the server has it; what is left is to see it among the others
 * @property {string | null} error why the server did not take it
 */

/**
 * What a thread shows, as far as it is known.
 *
 * @typedef {object} Conversation
 * @property {Message[]} messages the last ones, without a hole
 * @property {Unsent[]} unsent
 * @property {number | null} older what comes before these can be asked for; null at the beginning
 */

/**
 * @typedef {ReturnType<typeof createThread>} Thread
 */

/**
 * @typedef {object} ThreadHandlers
 * @property {() => void} [older] the beginning of what is there was reached
 * @property {() => void} looked the end of the conversation came into view, or left it
 * @property {(id: string) => void} again
 * @property {(id: string) => void} drop
 */

/** Messages in the page at most, and how many come with each step towards either end. */
const SHOWN_MAX = 160;
const STEP = 50;
/** Closer to an end than this, the next step is due. */
const NEAR = 600;
/** As good as at the end. */
const END = 48;
/** What is longer is folded until somebody wants it all. */
const LONG = 1_600;
const LONG_LINES = 24;

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement} list
 * @param {string} me
 * @param {ThreadHandlers} handlers
 * @param {{ isNamed?: boolean }} [wishes] `isNamed`: there are several others, so that their names are to be seen
 */
export function createThread(scroller, list, me, handlers, { isNamed = false } = {}) {
  /** @type {Conversation | null} */
  let conversation = null;
  /** Numbers of the first message in the page and of the one after the last; Infinity: to the end, unsent ones too. */
  let from = 0;
  let to = Number.POSITIVE_INFINITY;
  let isAtEnd = true;
  let isScrolling = false;
  /** @type {Map<string, HTMLElement>} */
  let shown = new Map();
  /** Keys of long messages that are shown whole. @type {Set<string>} */
  const unfolded = new Set();

  on(scroller, "scroll", () => {
    if (isScrolling) return;
    isScrolling = true;
    requestAnimationFrame(scrolled);
  });
  on(list, "click", clicked);
  // What was at the end stays there when the keyboard of a phone comes up, or a draft grows.
  new ResizeObserver(() => isAtEnd && toEnd()).observe(scroller);

  function scrolled() {
    isScrolling = false;
    if (!conversation) return;
    const { scrollTop, clientHeight, scrollHeight } = scroller;
    const below = scrollHeight - scrollTop - clientHeight;
    const wasAtEnd = isAtEnd;
    isAtEnd = to === Number.POSITIVE_INFINITY && below < END;
    if (scrollTop < NEAR) earlier();
    else if (below < NEAR && to !== Number.POSITIVE_INFINITY) later();
    if (isAtEnd !== wasAtEnd) handlers.looked();
  }

  function earlier() {
    const first = conversation?.messages[0]?.number;
    if (!conversation || first === undefined) return;
    if (from > first) {
      from = Math.max(first, from - STEP);
      if (shownCount() > SHOWN_MAX) to = from + SHOWN_MAX;
      render();
    } else if (conversation.older !== null) handlers.older?.();
  }

  function later() {
    const last = conversation?.messages.at(-1)?.number ?? 0;
    to += STEP;
    if (to > last) to = Number.POSITIVE_INFINITY;
    const end = Math.min(to, last + 1);
    from = Math.max(from, end - SHOWN_MAX);
    render();
  }

  function shownCount() {
    const last = conversation?.messages.at(-1)?.number ?? 0;
    return Math.min(to, last + 1) - from;
  }

  /** Brings the page in line with what is known, and keeps what is looked at where it is. */
  function render() {
    if (!conversation) return list.replaceChildren();
    const { messages, unsent } = conversation;
    const first = messages[0]?.number ?? 1;
    const last = messages.at(-1)?.number ?? 0;
    if (to === Number.POSITIVE_INFINITY) {
      const end = last + 1;
      if (from > end) from = end - SHOWN_MAX / 2;
      if (end - from > SHOWN_MAX && isAtEnd) from = end - SHOWN_MAX / 2;
      // Whoever reads further up is not bothered by what comes in below.
      if (end - from > SHOWN_MAX && !isAtEnd) to = from + SHOWN_MAX;
    }
    from = Math.max(first, from);
    const isToEnd = to === Number.POSITIVE_INFINITY;
    const window = messages.slice(from - first, isToEnd ? undefined : to - first);
    const anchor = isAtEnd ? null : topmost();
    const top = anchor?.getBoundingClientRect().top ?? 0;
    /** @type {Map<string, HTMLElement>} */
    const next = new Map();
    let author = messages[from - first - 1]?.from ?? "";
    for (const message of window) {
      const key = `n${message.number}`;
      next.set(key, withJoin(shown.get(key) ?? bubble(key, message), message.from === author));
      author = message.from;
    }
    if (isToEnd)
      for (const message of unsent) {
        const key = `u${message.id}`;
        const known = shown.get(key);
        const state = stateOf(message);
        next.set(key, withJoin(known?.dataset.state === state ? known : waiting(key, message, state), author === me));
        author = me;
      }
    arrange(list, [...next.values()]);
    shown = next;
    if (isAtEnd) toEnd();
    else if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    // Short messages on a tall screen, or a step that went past what was near.
    if (scroller.scrollTop < NEAR && (from > first || conversation.older !== null)) requestAnimationFrame(scrolled);
  }

  /** The first message in view. */
  function topmost() {
    const edge = scroller.getBoundingClientRect().top;
    for (const element of shown.values()) if (element.getBoundingClientRect().bottom > edge) return element;
    return null;
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  /** @param {string} key @param {Message} message */
  function bubble(key, { from: author, text }) {
    const isOurs = author === me;
    return el(
      "li",
      { class: "bubble-row", "data-ours": isOurs, "data-key": key },
      el(
        "div",
        { class: "bubble" },
        ...(isNamed && !isOurs ? named(author) : [el("span", { class: "unseen" }, isOurs ? "You: " : `${author}: `)]),
        ...body(key, text),
        isOurs
          ? el("span", { class: "bubble-mark", title: "Stored" }, "✓", el("span", { class: "unseen" }, " stored"))
          : null,
      ),
    );
  }

  /** Seen where it is somebody else's turn, read out always. @param {string} author */
  function named(author) {
    return [el("p", { class: "bubble-name" }, avatar(author), el("bdi", { class: "clip" }, author))];
  }

  /** @param {string} key @param {Unsent} message @param {string} state */
  function waiting(key, { id, text, error }, state) {
    const mark = error
      ? el("span", { class: "bubble-mark bubble-failed" }, "⚠", el("span", { class: "unseen" }, " not sent"))
      : el("span", { class: "bubble-mark", title: "On its way" }, "…", el("span", { class: "unseen" }, " on its way"));
    return el(
      "li",
      { class: "bubble-row", "data-ours": true, "data-key": key, "data-state": state },
      el("div", { class: "bubble bubble-waiting" }, el("span", { class: "unseen" }, "You: "), ...body(key, text), mark),
      error
        ? el(
            "div",
            { class: "bubble-trouble" },
            el("span", {}, `Not sent: ${error}`),
            el("button", { type: "button", class: "link", "data-again": id }, "Try again"),
            el("button", { type: "button", class: "link", "data-drop": id }, "Remove"),
          )
        : null,
    );
  }

  /** @param {string} key @param {string} text */
  function body(key, text) {
    const folded = unfolded.has(key) ? text : shortened(text);
    const words = el("p", { class: "bubble-text", dir: "auto" }, ...linkified(folded));
    if (folded === text) return [words];
    const rest = `Show all ${text.length.toLocaleString("en")} characters`;
    return [words, el("button", { type: "button", class: "link", "data-unfold": key }, rest)];
  }

  /** @param {MouseEvent} event */
  function clicked(event) {
    const key = closestWith(event, "data-unfold")?.dataset.unfold;
    if (key) {
      unfolded.add(key);
      shown.get(key)?.remove();
      shown.delete(key);
      render();
      list.querySelector(`[data-key="${CSS.escape(key)}"] .bubble-text`)?.scrollIntoView({ block: "nearest" });
    }
    const again = closestWith(event, "data-again")?.dataset.again;
    if (again) handlers.again(again);
    const drop = closestWith(event, "data-drop")?.dataset.drop;
    if (drop) handlers.drop(drop);
  }

  return {
    /** Shows this one, from its end. @param {Conversation | null} chosen */
    show: (chosen) => {
      if (conversation === chosen) return render();
      conversation = chosen;
      shown = new Map();
      unfolded.clear();
      list.replaceChildren();
      from = Number.POSITIVE_INFINITY;
      to = Number.POSITIVE_INFINITY;
      isAtEnd = true;
      render();
    },
    render,
    /** Jumps to the newest message. */
    end: () => {
      from = Number.POSITIVE_INFINITY;
      to = Number.POSITIVE_INFINITY;
      isAtEnd = true;
      render();
      handlers.looked();
    },
    get isAtEnd() {
      return isAtEnd;
    },
  };
}

/** @param {Unsent} message */
function stateOf({ isStored, error }) {
  return error ? `failed ${error}` : isStored ? "stored" : "waiting";
}

/** Messages of one person in a row stand closer. @param {HTMLElement} element @param {boolean} isJoined */
function withJoin(element, isJoined) {
  element.dataset.joined = String(isJoined);
  return element;
}

/** @param {string} text */
function shortened(text) {
  let end = Math.min(text.length, LONG);
  let line = -1;
  for (let count = 0; count < LONG_LINES; count += 1) {
    line = text.indexOf("\n", line + 1);
    if (line < 0) break;
  }
  if (line >= 0) end = Math.min(end, line);
  if (end === text.length) return text;
  // Not through the middle of a character that is written as two.
  if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end -= 1;
  return `${text.slice(0, end)}…`;
}

/**
 * Makes these the children, touching only what is not in its place: what stays keeps its focus and its selection.
 *
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (child instanceof HTMLElement && !wanted.has(child)) child.remove();
  /** @type {ChildNode | null} */
  let place = parent.firstChild;
  for (const child of children) {
    if (child === place) place = place.nextSibling;
    else parent.insertBefore(child, place);
  }
}
