// @ts-check
// The chosen row: its fields, its bytes, and the message that it belongs to.

import { byId, closestWith, grouped, on, setText, size } from "../lib/dom.js";
import { BytesView } from "./bytes.js";
import { FieldsView, litByFirstViolation } from "./fields.js";
import { directionText, timeText } from "./frames.js";
import { MessageView } from "./message.js";

/** @import { Inspector } from "./inspector.js" */
/** @import { Details } from "./app.js" */
/** @import { Lit } from "./bytes.js" */
/** @import { Form, Loaded } from "./message.js" */

export class FramePane {
  #app;
  #unmask = byId("unmask", HTMLButtonElement);
  #forms = byId("message-forms", HTMLElement);
  #fields;
  #bytes;
  #message;
  /** What the user last clicked or moved to. @type {Lit | null} */
  #picked = null;
  /** @type {"bytes" | "message"} */
  #view = "bytes";
  #isUnmasked = false;
  /** @type {Form} */
  #wantedForm = "text";
  /** @type {{ row: number, loaded: Loaded } | null} */
  #loaded = null;
  /** What is shown: the same row again keeps what was picked in it. */
  #shownIndex = -1;
  /** Called when the user goes on to the bytes. */
  onToBytes = () => {};

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    const point = (/** @type {Lit | null} */ lit, /** @type {boolean} */ isPicked) => this.#point(lit, isPicked);
    this.#fields = new FieldsView(byId("fields", HTMLElement), {
      point,
      toRow: (index) => app.choose(index),
      toBytes: () => this.toBytes(),
      signal: app.signal,
    });
    this.#bytes = new BytesView(byId("bytes", HTMLElement), {
      label: "Bytes of the frame",
      point,
      signal: app.signal,
    });
    this.#message = new MessageView(byId("message", HTMLElement), app.signal);
    on(byId("view-bytes", HTMLButtonElement), "click", () => this.setView("bytes"), app.signal);
    on(byId("view-message", HTMLButtonElement), "click", () => this.setView("message"), app.signal);
    on(this.#unmask, "click", () => this.toggleMask(), app.signal);
    on(
      this.#forms,
      "click",
      (event) => {
        const form = closestWith(event, "data-form")?.dataset.form;
        // The cast: the tabs' values are these.
        if (form) this.#wantedForm = /** @type {Form} */ (form);
        void this.#renderMessage();
      },
      app.signal,
    );
    app.on("chosen", () => this.#choose());
    app.on("search", () => this.#renderBytes());
    app.on("time", () => this.#describe());
    app.on("explain", () => this.#fields.show(app.chosen?.details ?? null, app.explains));
    this.#choose();
  }

  /** From the list into the frame. */
  focusFields() {
    this.#fields.focus();
  }

  /** The field at this place of the tree. @param {number} place */
  fieldAt(place) {
    return this.#fields.at(place);
  }

  /** Goes to the bytes of what is picked. */
  toBytes() {
    this.setView("bytes");
    this.onToBytes();
    this.#bytes.focus();
  }

  /** @param {"bytes" | "message"} view */
  setView(view) {
    this.#view = view;
    this.#renderBytes();
  }

  toggleMask() {
    const { chosen } = this.#app;
    if (!chosen?.details.row.masked) return;
    this.#isUnmasked = !this.#isUnmasked;
    this.#bytes.swap(this.#isUnmasked ? chosen.unmasked : chosen.wire);
    this.#renderBytes();
  }

  /** From a fragment to the frame that completes its message, and there to the message. */
  toMessage() {
    const last = this.#app.chosen?.details.row.fragment?.lastRow;
    if (last !== undefined && last !== null) this.#app.choose(last);
    this.setView("message");
  }

  #choose() {
    const { chosen } = this.#app;
    const isNew = chosen?.index !== this.#shownIndex;
    this.#shownIndex = chosen?.index ?? -1;
    if (isNew || chosen?.details.message) {
      this.#picked = chosen ? litByFirstViolation(chosen.details) : null;
      this.#loaded = null;
    }
    this.#fields.show(chosen?.details ?? null, this.#app.explains);
    this.#describe();
    this.#showFrame();
    this.#renderBytes();
  }

  /** @param {Lit | null} lit @param {boolean} isPicked */
  #point(lit, isPicked) {
    if (isPicked) this.#picked = lit;
    const shown = lit ?? this.#picked;
    this.#fields.light(shown, isPicked);
    this.#bytes.light(shown, isPicked);
  }

  #describe() {
    const { chosen, timeMode } = this.#app;
    setText("fields-note", chosen ? description(chosen.details, timeMode) : "");
  }

  #showFrame() {
    const { chosen } = this.#app;
    if (!chosen) {
      this.#bytes.show(new Uint8Array(), [], []);
      return;
    }
    const bad = chosen.details.violations.flatMap(({ bytes }) => (bytes ? [bytes] : []));
    this.#bytes.show(this.#isUnmasked ? chosen.unmasked : chosen.wire, chosen.details.fields, bad);
    this.#point(this.#picked, false);
  }

  #renderBytes() {
    const { chosen } = this.#app;
    const isBytes = this.#view === "bytes";
    byId("bytes", HTMLElement).hidden = !isBytes;
    byId("message", HTMLElement).hidden = isBytes;
    byId("view-bytes", HTMLElement).setAttribute("aria-selected", String(isBytes));
    byId("view-message", HTMLElement).setAttribute("aria-selected", String(!isBytes));
    this.#unmask.hidden = !isBytes || !chosen?.details.row.masked;
    this.#unmask.setAttribute("aria-pressed", String(this.#isUnmasked));
    this.#forms.hidden = isBytes || !chosen?.details.message;
    setText("bytes-note", this.#note());
    if (!isBytes) void this.#renderMessage();
  }

  #note() {
    const { chosen } = this.#app;
    if (!chosen) return "";
    const { row, message, headerLength, payloadMissing } = chosen.details;
    if (this.#view === "message") return message ? `${message.kind}, ${size(message.length)}` : "";
    if (row.kind !== "frame") return size(chosen.wire.length);
    const missing = payloadMissing === 0 ? "" : `, ${grouped(payloadMissing)} not captured`;
    return `header ${headerLength} + payload ${grouped(row.payloadLength)}${missing}`;
  }

  async #renderMessage() {
    const { chosen, capture } = this.#app;
    const info = chosen?.details.message;
    if (!chosen || !info) {
      this.#message.explain(chosen?.details ?? null);
      return;
    }
    if (this.#loaded?.row !== info.lastRow) {
      const [bytes, json] = await Promise.all([
        capture.message(info.lastRow),
        info.isJson ? capture.messageJson(info.lastRow) : undefined,
      ]);
      if (this.#app.chosen !== chosen) return;
      const decoded = chosen.details.decoded ?? null;
      this.#loaded = {
        row: info.lastRow,
        loaded: { info, bytes: bytes ?? new Uint8Array(), json: json ?? null, decoded },
      };
      if (info.kind === "binary" && !decoded && this.#wantedForm === "text") this.#wantedForm = "hex";
      else if (info.kind !== "binary" && this.#wantedForm === "hex") this.#wantedForm = "text";
    }
    const { loaded } = this.#loaded ?? {};
    if (!loaded) return;
    const has = { text: true, hex: true, json: loaded.json !== null, decoded: loaded.decoded !== null };
    const form = has[this.#wantedForm] ? this.#wantedForm : info.kind === "binary" ? "hex" : "text";
    for (const tab of this.#forms.querySelectorAll("button")) {
      const name = /** @type {Form} */ (tab.dataset.form);
      tab.hidden = !has[name];
      tab.setAttribute("aria-selected", String(name === form));
      if (name === "decoded") tab.textContent = loaded.decoded?.protocol ?? "Decoded";
    }
    this.#message.show(loaded, form, patternOf(this.#app.search));
  }
}

/** @param {Details} details @param {import("./app.js").TimeMode} timeMode */
function description({ row, source, destination }, timeMode) {
  const unit = timeMode === "absolute" ? "" : " s";
  return `No. ${grouped(row.index + 1)} · ${row.name} · ${directionText(row)} · ${timeText(row, timeMode)}${unit} · ${source} → ${destination}`;
}

/**
 * What is looked for in text, as the browser finds it.
 *
 * @param {import("./app.js").SearchSpec} search
 */
function patternOf({ kind, text, matchCase }) {
  if (text === "" || (kind !== "text" && kind !== "regex")) return null;
  const flags = matchCase ? "gu" : "giu";
  try {
    return new RegExp(kind === "regex" ? text : text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&"), flags);
  } catch {
    // The codec's expressions know a few things that the browser's do not.
    return null;
  }
}
