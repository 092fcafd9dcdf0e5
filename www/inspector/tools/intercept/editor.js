// @ts-check
// The frame that was chosen: what it is, as it was or edited, and what is to become of it.

import { el, on } from "../../../lib/dom.js";
import { isSame, toHex } from "../lab/bytes.js";
import { messageItem } from "../lab/captured.js";
import { Decoded } from "../lab/decoded.js";
import { itemOf, make, newBeside, newPasted } from "../lab/frame.js";
import { FrameForm } from "../lab/frameform.js";
import { age, DIRECTIONS } from "./list.js";

/** @import { App } from "../../app.js" */
/** @import { Beside, Item } from "../lab/frame.js" */
/** @import { Modules } from "../lab/modules.js" */
/** @import { Board } from "./board.js" */
/** @import { Bytes, Connection, Held } from "./types.d.ts" */

const AGREED = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

export class Editor {
  #root;
  #app;
  #modules;
  #board;
  #title = el("h3", { class: "tool-title intercept-title" });
  #warnings = el("div", { class: "intercept-warnings", role: "status" });
  #forward = el("button", { class: "primary", type: "button", "aria-keyshortcuts": "f" }, "Forward");
  #drop = el("button", { class: "danger", type: "button", "aria-keyshortcuts": "d" }, "Drop");
  #undo = el("button", { class: "quiet", type: "button" }, "Undo edits");
  #asBytes = el("button", { class: "quiet", type: "button", "aria-pressed": "false" }, "As raw bytes");
  #mend = el("input", { type: "checkbox", id: "intercept-mend", checked: true });
  #mending = el(
    "div",
    { class: "intercept-mend" },
    this.#mend,
    el(
      "label",
      { for: "intercept-mend" },
      "Keep the connection readable: send later compressed messages of this direction uncompressed",
    ),
  );
  #form;
  #decoded;
  /** @type {Held | null} */
  #held = null;
  /** @type {Item} */
  #item = newPasted();
  /** @type {Beside} */
  #beside = newBeside();
  /** What would be forwarded; null if it cannot be read. @type {Bytes | null} */
  #edited = null;
  /** What the form made of the frame before anything was changed. @type {Bytes | null} */
  #untouched = null;

  /** @param {HTMLElement} root @param {App} app @param {Modules} modules @param {Board} board */
  constructor(root, app, modules, board) {
    this.#root = root;
    this.#app = app;
    this.#modules = modules;
    this.#board = board;
    const { signal } = app;
    const form = el("section", { class: "lab-frame", "aria-label": "Edit the frame" });
    const decoded = el("section", { class: "lab-decoded", "aria-label": "Decoded" });
    root.append(
      el("div", { class: "intercept-head" }, this.#title, this.#warnings),
      el("div", { class: "tool-bar intercept-acts" }, this.#forward, this.#drop, this.#undo, this.#asBytes),
      this.#mending,
      el("div", { class: "intercept-sides" }, form, decoded),
    );
    this.#form = new FrameForm(form, { changed: () => this.#render(), signal });
    this.#decoded = new Decoded(decoded, app);
    on(this.#forward, "click", () => this.forward(), signal);
    on(this.#drop, "click", () => this.drop(), signal);
    on(this.#undo, "click", () => this.#begin(), signal);
    on(this.#asBytes, "click", () => this.#toggleBytes(), signal);
    on(
      root,
      "keydown",
      (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        event.stopPropagation();
        this.forward();
      },
      signal,
    );
  }

  /** @param {Held | null} held */
  show(held) {
    this.#root.hidden = held === null;
    if (held?.key !== this.#held?.key) {
      this.#held = held;
      this.#begin();
    }
    this.#renderHead();
  }

  /** Takes the keyboard. */
  focus() {
    this.#form.focus();
  }

  /** As it is, or as it was edited. */
  forward() {
    if (!this.#held) return;
    if (!this.#edited) {
      this.#app.say("What stands in the form is no frame: see beside its fields.", "warn");
      return;
    }
    this.#board.forward(this.#held.key, this.#isEdited ? this.#edited : null, this.#mends);
  }

  drop() {
    if (this.#held) this.#board.drop(this.#held.key, this.#mends);
  }

  get #isEdited() {
    return this.#edited !== null && this.#untouched !== null && !isSame(this.#edited, this.#untouched);
  }

  get #mends() {
    return this.#held?.canMend === true && this.#mend.checked;
  }

  /** Shows the frame as it was. */
  #begin() {
    const held = this.#held;
    if (!held) return;
    this.#beside = newBeside();
    this.#item = itemOf(held.bytes, this.#modules);
    if (held.inflated && this.#item.type === "frame") {
      // A message by itself is edited as what it says, and may go on uncompressed whatever was agreed on.
      const { opcode, fin, masked, key } = this.#item;
      if (fin && opcode !== 0) this.#item = { ...messageItem(opcode, held.inflated, false), masked, key };
    }
    this.#form.show(this.#item, this.#beside);
    this.#untouched = this.#make();
    this.#render();
  }

  #make() {
    const { bytes, problems } = make(this.#item, this.#beside, this.#modules, null);
    this.#form.judge(problems);
    return problems.length > 0 ? null : bytes;
  }

  #toggleBytes() {
    const held = this.#held;
    if (!held) return;
    const bytes = this.#make() ?? held.bytes;
    const shown = this.#isEdited ? bytes : held.bytes;
    const isRaw = this.#item.type === "bytes";
    this.#item = isRaw ? itemOf(shown, this.#modules) : { ...newPasted(), text: toHex(shown, " ") };
    this.#form.show(this.#item, this.#beside);
    if (!this.#isEdited) this.#untouched = this.#make();
    this.#render();
  }

  #render() {
    const held = this.#held;
    if (!held) return;
    this.#edited = this.#make();
    const isEdited = this.#isEdited;
    const shown = isEdited ? (this.#edited ?? held.bytes) : held.bytes;
    // What was agreed on in detail makes no difference to the rules; and what came before is not at hand.
    const deflate = this.#board.connectionOf(held)?.compression[held.direction] ? AGREED : undefined;
    const explained = JSON.parse(this.#modules.explain(held.direction, deflate, shown, true));
    this.#decoded.show(shown, explained, isEdited ? "as edited" : "as it was on the wire");
    this.#forward.textContent = isEdited ? "Forward edited" : "Forward";
    this.#forward.title = isEdited ? "Ctrl Enter" : "f in the list, Ctrl Enter here";
    this.#undo.disabled = !isEdited && this.#edited !== null;
    this.#asBytes.setAttribute("aria-pressed", String(this.#item.type === "bytes"));
    this.#renderHead();
  }

  #renderHead() {
    const held = this.#held;
    if (!held) return;
    const connection = this.#board.connectionOf(held);
    const where =
      held.desk.name === "proxy" ? `connection ${held.connection}` : `this page’s connection ${held.connection}`;
    this.#title.textContent = `${where}, ${DIRECTIONS[held.direction]}, held for ${age(held.since)}`;
    this.#mending.hidden = !held.canMend;
    const words = warningsOf(held, connection);
    const same = [...this.#warnings.children].map((line) => line.textContent);
    if (words.length === same.length && words.every((text, at) => text === same[at])) return;
    this.#warnings.replaceChildren(...words.map((text) => el("p", { class: "intercept-warning" }, text)));
  }
}

/** What is to be known before anything is done. @param {Held} held @param {Connection | undefined} connection */
function warningsOf({ direction, inContext, canMend }, connection) {
  const words = [];
  const [sender, receiver] = direction === "c2s" ? ["client", "server"] : ["server", "client"];
  if (connection?.reset.includes(direction))
    words.push(`The ${sender} has broken the connection off since. Forwarded, this still reaches the ${receiver}.`);
  else if (connection?.ended.includes(direction))
    words.push(
      `The ${sender} has ended its side since. Forwarded, this still reaches the ${receiver}, and the end behind it.`,
    );
  if (inContext)
    words.push(
      canMend
        ? `Compressed, with context takeover: what the ${sender} sends later may refer to it. Forwarded as it is, all is well; dropped or edited, the ${receiver} cannot inflate the rest, unless that goes on uncompressed.`
        : `Compressed, with context takeover: what the ${sender} sends later may refer to it. Dropped or edited, the ${receiver} cannot inflate the rest, and will close the connection.`,
    );
  const compression = connection?.compression[direction];
  if (compression && !compression.known)
    words.push(
      "Interception began when this connection was open already: compressed text of this direction can be neither shown nor matched.",
    );
  return words;
}
