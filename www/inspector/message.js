// @ts-check
// The message that a frame belongs to: whole, unmasked and inflated, as text, as JSON or in hex.

import { el, grouped, on } from "../lib/dom.js";
import { BytesView } from "./bytes.js";
import { sectionLink } from "./fields.js";

/** @import { MessageInfo } from "../pkg/framescope_wasm.js" */
/** @import { Decoded, Details } from "./app.js" */
/** @typedef {"text" | "json" | "hex" | "decoded"} Form */

/** Text is shown in pieces of so many bytes: a browser lays out a megabyte of it in one long task. */
const PIECE = 64 * 1024;

/** Places marked in a piece; nobody reads more. */
const MARKS = 500;

/**
 * @typedef {{ info: MessageInfo, bytes: Uint8Array, json: string | null, decoded: Decoded | null }} Loaded
 */

export class MessageView {
  #root;
  #signal;
  #hex;
  #hexRoot;
  #textRoot;
  /** @type {RegExp | null} */
  #looked = null;

  /** @param {HTMLElement} root @param {AbortSignal} signal */
  constructor(root, signal) {
    this.#root = root;
    this.#signal = signal;
    this.#textRoot = el("div", { class: "message-texts" });
    this.#hexRoot = el("div", { class: "dump", id: "message-hex", hidden: true });
    root.append(this.#textRoot, this.#hexRoot);
    this.#hex = new BytesView(this.#hexRoot, { label: "Bytes of the message", point: () => {}, signal });
  }

  /**
   * Says why there is no message to show.
   *
   * @param {Details | null} details
   */
  explain(details) {
    this.#hexRoot.hidden = true;
    this.#textRoot.hidden = false;
    const text = !details
      ? "Choose a frame to see its message."
      : details.handshake
        ? "The opening handshake is HTTP: messages begin behind it."
        : details.row.fragment
          ? "The last fragment of this message has not been seen yet."
          : "This row belongs to no message.";
    this.#textRoot.replaceChildren(el("p", { class: "hint" }, text));
  }

  /** @param {Loaded} loaded @param {Form} form @param {RegExp | null} [looked] what is looked for, to be marked */
  show({ info, bytes, json, decoded }, form, looked = null) {
    this.#looked = looked;
    this.#hexRoot.hidden = form !== "hex";
    this.#textRoot.hidden = form === "hex";
    if (form === "hex") {
      this.#hex.show(bytes, [], info.badByte === null ? [] : [[info.badByte, info.badByte + 1]]);
      return;
    }
    const notes = info.whole ? [] : [el("p", { class: "hint" }, missing(info, bytes.length))];
    if (form === "decoded" && decoded) {
      this.#textRoot.replaceChildren(...notes, decodedView(decoded));
      return;
    }
    if (bytes.length === 0) {
      if (info.whole) notes.push(el("p", { class: "hint" }, "The message is empty."));
      this.#textRoot.replaceChildren(...notes);
      return;
    }
    const pre = el("pre", {
      class: "message-text",
      tabIndex: 0,
      "aria-label": form === "json" ? "Message as JSON" : "Message as text",
    });
    this.#textRoot.replaceChildren(...notes, pre);
    this.#root.scrollTop = 0;
    if (form === "json" && json !== null) this.#showPieces(pre, json, 0);
    else this.#showText(pre, bytes, info.badByte);
  }

  /** @param {HTMLElement} pre @param {Uint8Array} bytes @param {number | null} badByte */
  #showText(pre, bytes, badByte) {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    if (badByte === null) {
      this.#showPieces(pre, decoder.decode(bytes), 0);
      return;
    }
    const hex = (bytes[badByte] ?? 0).toString(16).padStart(2, "0").toUpperCase();
    const before = decoder.decode(bytes.subarray(Math.max(0, badByte - PIECE), badByte));
    const after = decoder.decode(bytes.subarray(badByte + 1, badByte + PIECE));
    pre.append(
      badByte > PIECE ? "… " : "",
      before,
      el(
        "mark",
        { class: "bad-text", title: `Byte ${badByte}: not UTF-8 from here on` },
        badByte < bytes.length ? `⟨${hex}⟩` : "⟨cut⟩",
      ),
      after,
      bytes.length > badByte + PIECE ? " …" : "",
    );
  }

  /** @param {HTMLElement} pre @param {string} text @param {number} from */
  #showPieces(pre, text, from) {
    const to = Math.min(text.length, from + PIECE);
    pre.append(...marked(text.slice(from, to), this.#looked));
    if (to === text.length) return;
    const more = el("button", { type: "button" }, `Show more (${grouped(text.length - to)} characters)`);
    on(
      more,
      "click",
      () => {
        more.remove();
        this.#showPieces(pre, text, to);
      },
      this.#signal,
    );
    pre.after(more);
  }
}

/**
 * Text with all that is looked for marked in it.
 *
 * @param {string} text
 * @param {RegExp | null} looked with the flag `g`
 * @returns {(string | Node)[]}
 */
function marked(text, looked) {
  if (!looked) return [text];
  /** @type {(string | Node)[]} */
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(looked)) {
    // What matches nothing would do so everywhere.
    if (found[0] === "" || parts.length > MARKS * 2) break;
    parts.push(text.slice(at, found.index), el("mark", { class: "hit" }, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

/** @param {Decoded} decoded */
function decodedView({ protocol, name, summary, parts, problem }) {
  return el(
    "div",
    { class: "decoded" },
    el("p", { class: "decoded-title" }, el("strong", {}, `${protocol}: ${name}`), " ", summary),
    problem === null ? null : el("p", { class: "decoded-problem" }, `⚠ ${problem}`),
    el(
      "dl",
      { class: "decoded-parts" },
      ...parts.flatMap(({ label, value, says, section }) => [
        el("dt", {}, label),
        el(
          "dd",
          {},
          el("code", { class: "decoded-value" }, value),
          says === "" ? null : el("span", { class: "note" }, ` ${says}`),
          section === "" ? null : el("span", { class: "note" }, " ", sectionLink(section)),
        ),
      ]),
    ),
  );
}

/** What is not there of a message, and why. @param {MessageInfo} info @param {number} length of what is */
function missing({ inflation }, length) {
  const why = inflation.startsWith("cannot") ? `This message ${inflation}.` : "Not all of this message is here.";
  return length === 0 ? why : `${why} What follows is the part that is there.`;
}
