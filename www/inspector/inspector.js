// @ts-check
// The inspector as its parts see it: what holds, what may be asked, and what happened. Nothing here touches the DOM of
// the page but the little that copying, saving and saying need.

import { el } from "../lib/dom.js";
import { toast } from "../lib/toast.js";
import { Link } from "./link.js";
import { asBoolean, remember, remembered } from "./memory.js";

/** @import { App, AppEvent, CaptureProxy, Chosen, Command, FilterProblem, SearchSpec, SourceInfo, Status, TimeMode, ViewSpec } from "./app.js" */
/** @import { ExportSpec } from "../pkg/framescope_wasm.js" */
/** @import { News, ProxyState, Reading } from "./link.js" */

/** @type {TimeMode[]} */
const TIME_MODES = ["start", "previous", "absolute"];

/** What the page opens tools with; set once they have a place. @typedef {{ open(name: string, argument?: unknown): Promise<void>, close(): void }} Opener */

/** @implements {App} */
export class Inspector {
  /** @type {Status | null} */
  status = null;
  /** @type {SourceInfo[]} */
  sources = [];
  /** @type {ViewSpec} */
  view = { filter: "", layer: "frames", connection: null, between: null };
  /** What is looked for. @type {SearchSpec} */
  search = { kind: "text", text: "", matchCase: false };
  /** @type {Chosen | null} */
  chosen = null;
  /** The row chosen last, whose details may still be on their way. @type {number | null} */
  chosenIndex = null;
  /** @type {Set<number>} */
  marked = new Set();
  /** @type {TimeMode} */
  timeMode = remembered("time", "start", (value) => TIME_MODES.find((mode) => mode === value) ?? null);
  explains = remembered("explains", false, asBoolean);
  /** Files that are being read or were, and proxies, by their sources. @type {Map<number, Reading>} */
  readings = new Map();
  /** @type {Map<number, ProxyState>} */
  proxies = new Map();
  /** The sample that was opened last. @type {string | null} */
  sample = null;
  /** @type {Map<string, Command>} */
  commands = new Map();
  /** @type {Opener | null} */
  tools = null;
  /** This is the page of a proxy: it has no tunnel, and no other part of the server. */
  isProxy = false;
  /** Called when a file is about to be read. */
  onOpening = () => {};
  signal;
  link;
  /** @type {Map<AppEvent, Set<() => void>>} */
  #handlers = new Map();
  /** How each proxy is reached; nowhere else is its token kept. @type {Map<number, { url: string, token: string, name: string }>} */
  #tokens = new Map();
  /** Live rows that were saved, or exported with all others. */
  #kept = 0;
  /** Views are set one after the other. @type {Promise<unknown>} */
  #viewing = Promise.resolve();
  /** Until the export under way is over. @type {Promise<unknown>} */
  #exporting = Promise.resolve();

  /** @param {(news: News) => void} onNews what is not about rows and sources @param {AbortSignal} signal */
  constructor(onNews, signal) {
    this.signal = signal;
    this.link = new Link((news) => this.#heard(news, onNews));
  }

  /** @returns {CaptureProxy} */
  get capture() {
    return this.link.capture;
  }

  /** Whether the list shows each row there is. */
  get isWholeView() {
    const { filter, layer, connection, between } = this.view;
    const { first = 0, end = 0, view } = this.status ?? {};
    const isAll = filter === "" && layer === "frames" && connection === null && between === null;
    // Rows of sources that were removed are rows no more.
    return isAll && (view?.count ?? 0) === end - first;
  }

  /** Rows that are nowhere but on this page: a file can be opened again, what passed live cannot. */
  get unsaved() {
    return Math.max(0, this.#liveRows - this.#kept);
  }

  get #liveRows() {
    return this.sources.reduce((sum, { kind, rows }) => (kind === "file" ? sum : sum + rows), 0);
  }

  /** All there is was saved, and need not be asked about. */
  keep() {
    this.#kept = this.#liveRows;
  }

  /** @param {AppEvent} event @param {() => void} handler @param {AbortSignal} [signal] */
  on(event, handler, signal = this.signal) {
    if (signal.aborted) return;
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers);
    handlers.add(handler);
    signal.addEventListener("abort", () => handlers.delete(handler));
  }

  /** @param {AppEvent} event */
  emit(event) {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler();
  }

  /** @param {Partial<ViewSpec>} change @returns {Promise<FilterProblem | null>} */
  setView(change) {
    const set = async () => {
      const wanted = { ...this.view, ...change };
      // The one there is, foremost the one at the beginning, needs no asking, nor the half of the module that has filters.
      const isThere = JSON.stringify(wanted) === JSON.stringify(this.view);
      const problem = isThere ? null : ((await this.capture.setView(wanted)) ?? null);
      if (problem) return problem;
      this.view = wanted;
      this.emit("view");
      return null;
    };
    const done = this.#viewing.then(set);
    this.#viewing = done.catch(() => {});
    return done;
  }

  /** @param {number} index */
  choose(index) {
    if (!this.status || index < this.status.first || index >= this.status.end) return;
    this.chosenIndex = index;
    this.emit("choosing");
    void this.load(index);
  }

  /** Asks for all about a row. @param {number} index */
  async load(index) {
    const { capture } = this;
    const [details, wire, unmasked] = await Promise.all([
      capture.frame(index),
      capture.wire(index),
      capture.unmasked(index),
    ]);
    if (this.chosenIndex !== index) return;
    const bytes = wire ?? new Uint8Array();
    this.chosen = details ? { index, details, wire: bytes, unmasked: unmasked ?? bytes } : null;
    this.emit("chosen");
  }

  /** @param {number} index @param {boolean} isMarked */
  mark(index, isMarked) {
    if (isMarked) this.marked.add(index);
    else this.marked.delete(index);
    this.emit("marked");
  }

  /** @param {TimeMode} mode */
  setTimeMode(mode) {
    this.timeMode = mode;
    remember("time", mode);
    this.emit("time");
  }

  nextTimeMode() {
    this.setTimeMode(TIME_MODES[(TIME_MODES.indexOf(this.timeMode) + 1) % TIME_MODES.length] ?? "start");
  }

  toggleExplaining() {
    this.explains = !this.explains;
    remember("explains", this.explains);
    this.emit("explain");
  }

  /** Forgets every row, and what was chosen and marked of them. */
  async clear() {
    await this.capture.clear();
    this.chosen = null;
    this.chosenIndex = null;
    this.marked.clear();
    this.sample = null;
    this.emit("marked");
    this.emit("chosen");
  }

  /**
   * Takes rows out, piece by piece. The worker has one export under way: another waits for it.
   *
   * @param {ExportSpec} spec
   */
  async *exported(spec) {
    const before = this.#exporting;
    /** @type {(value?: undefined) => void} */
    let done = () => {};
    this.#exporting = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      await this.capture.exportBegin(spec);
      for (let piece = await this.capture.exportNext(); piece; piece = await this.capture.exportNext()) yield piece;
    } finally {
      done();
    }
  }

  /** All that is held, as a pcapng file. The browser keeps the pieces of blobs elsewhere than in the page. @returns {Promise<Blob[]>} */
  async saved() {
    const pieces = [];
    for await (const piece of this.exported({ format: "pcapng", rows: "all" })) pieces.push(new Blob([piece]));
    return pieces;
  }

  /** @param {Iterable<File>} files */
  openFiles(files) {
    for (const file of files) void this.openFile(file, file.name);
  }

  /** @param {Blob} file @param {string} name @returns {Promise<number>} its source */
  openFile(file, name) {
    this.onOpening();
    return this.link.openFile(file, name);
  }

  /** A proxy elsewhere, through the tunnel. @param {string} url of its live tap @param {string} token @param {string} name */
  async addProxy(url, token, name) {
    const source = await this.link.openProxy(url, token, name);
    this.#tokens.set(source, { url, token, name });
    return source;
  }

  /** @param {number} source @param {string} [token] another than it had */
  async reconnectProxy(source, token) {
    const known = this.#tokens.get(source);
    if (!known) return;
    if (token !== undefined) known.token = token;
    await this.link.openProxy(known.url, known.token, known.name, source);
  }

  /** A source goes, with its rows. @param {number} source */
  async removeSource(source) {
    if (this.readings.has(source)) this.link.cancelFile(source);
    if (this.proxies.has(source)) this.link.closeProxy(source);
    await this.capture.removeSource(source);
    this.readings.delete(source);
    this.proxies.delete(source);
    this.#tokens.delete(source);
    this.emit("sources");
    await this.#forgetRemoved();
  }

  /**
   * Times count from another row, as after an older file: the span that was chosen stays what it was. That of a sample's
   * address counts from the sample.
   * @param {string} before @param {string} now
   */
  #followStart(before, now) {
    const { between } = this.view;
    if (before === now || between === null || this.sample !== null) return;
    const by = Number(BigInt(before) - BigInt(now));
    void this.setView({ between: [Math.max(0, between[0] + by), Math.max(0, between[1] + by)] });
  }

  /** Rows that went with their source are chosen and marked no more. */
  async #forgetRemoved() {
    const chosen = this.chosenIndex === null ? [] : [this.chosenIndex];
    const rows = [...new Set([...this.marked, ...chosen])];
    const wires = await Promise.all(rows.map((index) => this.capture.wire(index)));
    for (const [place, index] of rows.entries()) {
      if (wires[place]) continue;
      this.marked.delete(index);
      if (this.chosenIndex === index) [this.chosen, this.chosenIndex] = [null, null];
    }
    this.emit("marked");
    this.emit("chosen");
  }

  /** @param {string} name @param {unknown} [argument] */
  async openTool(name, argument) {
    await this.tools?.open(name, argument);
  }

  closeTool() {
    this.tools?.close();
  }

  /** @param {Command} command */
  command(command) {
    this.commands.set(command.id, command);
  }

  /** @param {string} text @param {"good" | "warn" | "danger"} [kind] */
  say(text, kind = "good") {
    toast(text, { kind });
  }

  /** @param {string} text @param {string} what as `The filter` */
  async copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`${what}: copied`);
    } catch {
      this.say("This browser did not let the page write to the clipboard.", "danger");
    }
  }

  /** @param {string} name @param {string} type @param {BlobPart[]} pieces */
  download(name, type, pieces) {
    const address = URL.createObjectURL(new Blob(pieces, { type }));
    el("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  /** @param {News} news @param {(news: News) => void} others */
  #heard(news, others) {
    if (news.type === "reading") {
      this.readings.set(news.reading.source, news.reading);
      this.emit("sources");
    } else if (news.type === "proxy") {
      this.proxies.set(news.proxy.source, news.proxy);
      this.emit("sources");
    }
    if (news.type !== "status") {
      others(news);
      return;
    }
    const before = this.status;
    this.status = news.status;
    this.sources = news.sources;
    // Rows that are gone need no saving; those that made room for others were the oldest, and so among those saved.
    const gone = Math.max(0, news.status.dropped - (before?.dropped ?? 0));
    this.#kept = Math.max(0, Math.min(this.#kept - gone, this.#liveRows));
    if (before && before.end > before.first) this.#followStart(before.startNs, news.status.startNs);
    for (const index of this.marked) if (index < news.status.first) this.marked.delete(index);
    this.emit("status");
    this.emit("sources");
    // A fragment that was alone may have got its message.
    const fragment = this.chosen?.details.row.fragment;
    if (this.chosenIndex !== null && fragment && fragment.of === null) void this.load(this.chosenIndex);
  }
}
