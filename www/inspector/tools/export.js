// @ts-check
// Takes the capture, or a part of it, out of the page: as pcapng, HAR or JSON lines, made piece by piece in the worker.

import { el, grouped, on, size } from "../../lib/dom.js";
import { counted } from "../../lib/text.js";

/** @import { App, Tool } from "../app.js" */
/** @typedef {"pcapng" | "har" | "jsonl"} Format */
/** @typedef {"all" | "view" | "marked" | "chosen"} Scope */

/** @type {{ format: Format, label: string, says: string, type: string }[]} */
const FORMATS = [
  {
    format: "pcapng",
    label: "pcapng",
    says: "Every byte as it was on the wire. Opens here, in Wireshark and in tshark.",
    type: "application/x-pcapng",
  },
  {
    format: "har",
    label: "HAR",
    says: "Handshakes and whole messages, inflated. Opens in Chromium’s network panel. Frames, masks and timing within a message are not in it.",
    type: "application/json",
  },
  {
    format: "jsonl",
    label: "JSON lines",
    says: "One object for each frame, as framescope decode prints them. For jq and scripts.",
    type: "application/x-ndjson",
  },
];

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  const dialog = new ExportForm(root, app);
  return { shown: () => dialog.render(), changed: () => dialog.render() };
}

class ExportForm {
  #app;
  #form = el("form", { class: "export-form", "aria-label": "Export" });
  #scopes = el("fieldset", { class: "export-choice" }, el("legend", {}, "What"));
  #note = el("p", { class: "tool-note", role: "status" });
  #go = el("button", { class: "primary", type: "submit" }, "Export");
  #stop = el("button", { class: "quiet", type: "button", hidden: true }, "Stop");
  /** @type {AbortController | null} */
  #running = null;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    const formats = el("fieldset", { class: "export-choice" }, el("legend", {}, "Format"));
    for (const [place, { format, label, says }] of FORMATS.entries()) {
      const input = el("input", { type: "radio", name: "format", value: format, checked: place === 0 });
      formats.append(el("label", { class: "export-option" }, input, el("strong", {}, label), el("span", {}, says)));
    }
    const close = el("button", { class: "quiet", type: "button" }, "Close");
    on(close, "click", () => root instanceof HTMLDialogElement && root.close(), app.signal);
    this.#form.append(
      el("h2", {}, "Export"),
      formats,
      this.#scopes,
      this.#note,
      el("div", { class: "tool-bar" }, this.#go, this.#stop, close),
    );
    root.classList.add("export");
    root.append(this.#form);
    on(
      this.#form,
      "submit",
      (event) => {
        event.preventDefault();
        void this.#export();
      },
      app.signal,
    );
    on(this.#stop, "click", () => this.#running?.abort(), app.signal);
    for (const event of /** @type {const} */ (["chosen", "marked", "view"]))
      app.on(event, () => this.render(), app.signal);
  }

  render() {
    const { status, sources, marked, chosen } = this.#app;
    const listed = status?.view.count ?? 0;
    // Not the numbers of rows: those of sources that were removed are rows no more.
    const total = sources.reduce((sum, source) => sum + source.rows, 0);
    /** @type {[Scope, string, number][]} */
    const scopes = [
      ["all", `Everything: ${counted(total, "row")}`, total],
      ["view", `What the list shows: ${counted(listed, "row")}`, listed],
      ["marked", `Marked: ${counted(marked.size, "row")}`, marked.size],
      ["chosen", chosen ? `The chosen row, no. ${grouped(chosen.index + 1)}` : "The chosen row", chosen ? 1 : 0],
    ];
    const picked = this.#picked("scope") ?? "all";
    const [legend] = this.#scopes.children;
    const options = scopes.map(([scope, label, count]) => {
      const input = el("input", { type: "radio", name: "scope", value: scope, disabled: count === 0 });
      input.checked = scope === picked;
      return el("label", { class: "export-option" }, input, el("span", {}, label));
    });
    const words = scopes.map(([, label]) => label).join();
    // Drawn only when it changes: a live capture must not take the focus away.
    if (this.#scopes.dataset.words === words) return;
    this.#scopes.dataset.words = words;
    const hadFocus = this.#scopes.contains(document.activeElement);
    this.#scopes.replaceChildren(.../** @type {Element[]} */ ([legend]), ...options);
    if (hadFocus) this.#scopes.querySelector("input:checked")?.parentElement?.querySelector("input")?.focus();
    this.#go.disabled = total === 0 || this.#running !== null;
  }

  /** @param {string} name @returns {string | undefined} */
  #picked(name) {
    const value = new FormData(this.#form).get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** @param {Scope} scope */
  #rows(scope) {
    if (scope === "all" || scope === "view") return scope;
    if (scope === "marked") return [...this.#app.marked].toSorted((one, other) => one - other);
    return this.#app.chosen ? [this.#app.chosen.index] : [];
  }

  async #export() {
    // The casts: both are radio buttons of ours.
    const format = /** @type {Format} */ (this.#picked("format") ?? "pcapng");
    const scope = /** @type {Scope} */ (this.#picked("scope") ?? "all");
    const running = new AbortController();
    this.#running = running;
    this.#go.disabled = true;
    this.#stop.hidden = false;
    /** @type {BlobPart[]} */
    const pieces = [];
    let written = 0;
    try {
      for await (const piece of this.#app.exported({ format, rows: this.#rows(scope) })) {
        if (running.signal.aborted) throw new Error("stopped");
        pieces.push(new Blob([piece]));
        written += piece.length;
        this.#note.textContent = `${size(written)} so far …`;
      }
      const type = FORMATS.find((each) => each.format === format)?.type ?? "";
      if (scope === "all" && format === "pcapng") this.#app.keep();
      this.#app.download(`framescope-${stamp()}.${format}`, type, pieces);
      this.#note.textContent = `Done: ${size(written)}.`;
    } catch (error) {
      this.#note.textContent = running.signal.aborted ? "Stopped; nothing was saved." : String(error);
    } finally {
      this.#running = null;
      this.#stop.hidden = true;
      this.#go.disabled = false;
    }
  }
}

/** The time of day, for a file name that sorts. */
function stamp() {
  return new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
}
