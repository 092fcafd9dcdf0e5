// @ts-check
// Files come by picking, dropping and pasting; how far they are read is shown, and can be stopped.

import { byId, el, on, size } from "../lib/dom.js";
import { count } from "./statusbar.js";

/** @import { Inspector } from "./inspector.js" */
/** @import { Reading } from "./link.js" */

/** What is read faster than this, in milliseconds, needs no bar. */
const SOON = 200;

export class Files {
  #app;
  #input = byId("files-input", HTMLInputElement);
  #shade = el("div", { class: "drop-shade", hidden: true, "aria-hidden": "true" }, "Drop captures to read them here");
  #bars = el("div", { class: "readings" });
  /** When each began. @type {Map<number, number>} */
  #began = new Map();
  /** Those whose end was told. @type {Set<number>} */
  #told = new Set();

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    const { signal } = app;
    document.body.append(this.#shade);
    byId("strips", HTMLElement).before(this.#bars);
    on(byId("files-open", HTMLButtonElement), "click", () => this.#input.click(), signal);
    on(
      this.#input,
      "change",
      () => {
        app.openFiles([...(this.#input.files ?? [])]);
        // The same file may be picked again.
        this.#input.value = "";
      },
      signal,
    );
    app.command({
      id: "files",
      title: "Open files: pcapng, pcap, HAR, NetLog, hex",
      group: "Page",
      keys: "Ctrl+O",
      run: () => this.#input.click(),
    });
    this.#listenToDrops();
    on(
      document,
      "paste",
      (event) => this.#pasted(/** @type {ClipboardEvent} */ (/** @type {Event} */ (event))),
      signal,
    );
    app.on("sources", () => this.#render());
  }

  #listenToDrops() {
    const { signal } = this.#app;
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
    on(
      document,
      "dragover",
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        this.#shade.hidden = false;
      },
      signal,
    );
    on(
      document,
      "dragleave",
      (event) => {
        if (event.relatedTarget === null) this.#shade.hidden = true;
      },
      signal,
    );
    on(
      document,
      "drop",
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        this.#shade.hidden = true;
        this.#app.openFiles([...(event.dataTransfer?.files ?? [])]);
      },
      signal,
    );
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const { target, clipboardData } = event;
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    if (isTyping || document.querySelector("dialog[open]") || !clipboardData) return;
    const files = [...clipboardData.files];
    const text = clipboardData.getData("text/plain");
    if (files.length > 0) this.#app.openFiles(files);
    else if (text.trim() !== "") this.#app.openFiles([new File([text], "pasted")]);
    else return;
    event.preventDefault();
  }

  #render() {
    const { readings } = this.#app;
    const shown = [];
    for (const reading of readings.values()) {
      const isOver = reading.state !== "reading" && reading.state !== "waiting";
      if (isOver) {
        // The news of what came of it are behind those of its end.
        const isKnown = this.#app.sources.some(({ source, done }) => source === reading.source && done);
        if (isKnown && !this.#told.has(reading.source)) this.#end(reading);
        continue;
      }
      const began = this.#began.get(reading.source) ?? Date.now();
      this.#began.set(reading.source, began);
      if (reading.state === "waiting" || Date.now() - began >= SOON) shown.push(reading);
    }
    this.#bars.hidden = shown.length === 0;
    const known = new Map([...this.#bars.children].map((bar) => [bar.getAttribute("data-source"), bar]));
    const bars = shown.map((reading) => {
      const bar = known.get(String(reading.source)) ?? this.#bar(reading);
      const percent = reading.size === 0 ? 0 : Math.floor((100 * reading.read) / reading.size);
      const progress = bar.querySelector("progress");
      if (progress) progress.value = percent;
      const words = bar.querySelector(".reading-words");
      if (words)
        words.textContent = reading.state === "waiting" ? "waits" : `${percent}\u00A0% of ${size(reading.size)}`;
      return bar;
    });
    // Those that stand there stay in their place: a button that is taken out while it is pressed is never clicked.
    for (const bar of known.values()) if (!bars.includes(bar)) bar.remove();
    for (const [at, bar] of bars.entries())
      if (this.#bars.children[at] !== bar) this.#bars.insertBefore(bar, this.#bars.children[at] ?? null);
  }

  /** @param {Reading} reading */
  #bar({ source, name }) {
    const cancel = el("button", { type: "button", "aria-label": `Cancel reading ${name}` }, "Cancel");
    on(cancel, "click", () => this.#app.link.cancelFile(source));
    return el(
      "div",
      { class: "reading", "data-source": source },
      el("span", { class: "reading-name" }, name),
      el("progress", { max: 100, value: 0, "aria-label": `Reading ${name}` }),
      el("span", { class: "reading-words" }),
      cancel,
    );
  }

  /** @param {Reading} reading */
  #end({ source, name, state, words }) {
    this.#told.add(source);
    const info = this.#app.sources.find((one) => one.source === source);
    const rows = count(info?.rows ?? 0, "row");
    if (state === "failed") this.#app.say(`${name} could not be read: ${words}`, "danger");
    else if (state === "cancelled") this.#app.say(`${name}: stopped, with ${rows}`, "warn");
    else if (info?.trouble) this.#app.say(`${name}: ${info.trouble}`, "danger");
    else if (info && info.rows === 0 && info.unread.length > 0)
      this.#app.say(`${name}: no WebSocket was recognised in it; the sources say what there is`, "warn");
    else if (words !== "") this.#app.say(`${name}: ${rows}; ${words}`, "warn");
    else this.#app.say(`${name}: ${rows}`);
  }
}
