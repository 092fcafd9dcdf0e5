// @ts-check
// Composing: a connection, a queue of frames, the form of one of them, what it means, and what came back.

import { el, on } from "../../../lib/dom.js";
import { brief, joined, preview, Unreadable } from "./bytes.js";
import { itemsOfRows, itemWords } from "./captured.js";
import { Decoded, lengthOf } from "./decoded.js";
import { choice, Fields, line } from "./fields.js";
import { make, wholeNumber } from "./frame.js";
import { FrameForm } from "./frameform.js";
import { InjectBar } from "./injectbar.js";
import { Log } from "./log.js";
import { OpeningForm } from "./openingform.js";
import { Queue } from "./queue.js";
import { Session } from "./session.js";
import { Shelf } from "./shelf.js";
import { targetChooser } from "./targets.js";
import { CUTS, headerLengthOf, writesOf } from "./writes.js";

/** @import { App } from "../../app.js" */
/** @import { Explained } from "../../../pkg/client/framescope_wasm.js" */
/** @import { Bytes } from "./bytes.js" */
/** @import { Made } from "./frame.js" */
/** @import { Modules } from "./modules.js" */
/** @import { Recorder } from "./recorder.js" */
/** @import { Composition } from "./saved.js" */
/** @import { Cut } from "./writes.js" */

/** What the lab is opened with: rows to send again. @typedef {{ rows: number[], isSentAtOnce?: boolean, keepsKey?: boolean }} Resend */

/** Frames before the chosen one matter to what it means; beyond so many bytes it is looked at alone. */
const CONTEXT_MAX = 256 * 1024;

const CUT_HEADER = "A header has two bytes at least, and then as many as it says: this is not a whole one yet.";
const SWALLOWED = "To whoever reads it, these bytes belong to the frame before, which claims more than it has.";

export class Compose {
  #app;
  #modules;
  #targets;
  #opening;
  #queue;
  #form;
  #decoded;
  #session;
  #log;
  #writes;
  #state = el("span", { class: "lab-state", role: "status" }, "No connection");
  #connect = el("button", { type: "button" }, "Connect");
  #end = el(
    "button",
    { class: "quiet", type: "button", title: "Ends this side of the stream (TCP FIN), without a Close" },
    "End our side",
  );
  #close = el("button", { class: "quiet", type: "button", title: "Begins the closing handshake" }, "Close 1000");
  #cut = el("button", { class: "quiet", type: "button", title: "Breaks the connection off, without a word" }, "Cut");
  #send = el("button", { class: "primary", type: "button", title: "Ctrl Enter" }, "Connect and send");
  #stop = el("button", { class: "quiet", type: "button", hidden: true }, "Stop");
  #isSending = false;
  /** On a proxy's page: where bytes are put in. @type {InjectBar | null} */
  #inject = null;
  #sending = new AbortController();
  /** @type {Made[]} */
  #made = [];
  #isDue = false;

  /**
   * @param {HTMLElement} root @param {App} app @param {Modules} modules @param {Recorder} recorder
   * @param {boolean} isProxy a proxy's page has no tunnel, but connections of others to put frames into
   */
  constructor(root, app, modules, recorder, isProxy) {
    this.#app = app;
    this.#modules = modules;
    const { signal } = app;
    const due = () => this.#due();
    this.#targets = targetChooser({ signal, isAlone: isProxy, changed: () => this.#opening.render() });
    const connection = el("div", { class: "tool-bar lab-connection" });
    const opening = el("div", { hidden: isProxy });
    root.append(connection, opening);
    this.#opening = new OpeningForm(opening, { url: () => this.#targets.check(), changed: due, signal });
    if (isProxy) {
      this.#inject = new InjectBar(connection, app, () => this.#renderState());
      this.#inject.onTurned = (direction) => this.#turn(direction);
    } else connection.append(this.#targets.element, this.#connect, this.#close, this.#end, this.#cut, this.#state);
    const sides = el("div", { class: "lab-sides" });
    const queue = el(
      "section",
      { class: "lab-queue", "aria-label": "Queue" },
      el("h3", { class: "tool-title" }, "To send"),
    );
    const form = el("section", { class: "lab-frame", "aria-label": "Frame" });
    const decoded = el("section", { class: "lab-decoded", "aria-label": "Decoded" });
    const came = el(
      "section",
      { class: "lab-came", "aria-label": "Answers" },
      el("h3", { class: "tool-title" }, "Sent and come back"),
    );
    sides.append(el("div", { class: "lab-side" }, queue, came), el("div", { class: "lab-side" }, form, decoded));
    root.append(sides);

    this.#queue = new Queue(queue, { changed: () => this.#chosen(), signal });
    this.#writes = new Fields(due, signal);
    queue.append(
      el(
        "div",
        { class: "lab-line" },
        this.#writes.add("cut", "Written", choice(CUTS)),
        this.#writes.add("at", "Bytes", line({ class: "mono lab-number", placeholder: "1, 6" }), {
          hint: "How many bytes stand before each cut",
        }),
        this.#writes.add(
          "between",
          "Between writes, ms",
          line({ class: "mono lab-number", value: "0", inputMode: "numeric" }),
        ),
      ),
      el("div", { class: "lab-buttons" }, this.#send, this.#stop),
    );
    this.shelf = new Shelf(queue, {
      app,
      read: () => this.#composition(),
      write: (kept) => this.#restore(kept),
      signal,
    });
    this.#form = new FrameForm(form, { changed: due, signal });
    this.#decoded = new Decoded(decoded, app);
    this.#log = new Log(came, app, "Nothing yet. What is sent stands here, and under it what the server made of it.");
    this.#session = new Session(app, recorder, this.#log, () => this.#renderState());
    on(this.#connect, "click", () => void this.#open(), signal);
    on(this.#close, "click", () => void this.#session.close(this.#modules), signal);
    on(this.#end, "click", () => this.#session.end(), signal);
    on(this.#cut, "click", () => this.#session.cut(), signal);
    on(this.#send, "click", () => void this.#sendAll(), signal);
    on(
      this.#stop,
      "click",
      () => {
        this.#sending.abort();
        this.#session.stop();
      },
      signal,
    );
    on(
      root,
      "keydown",
      (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        void this.#sendAll();
      },
      signal,
    );
    app.on("explain", due, signal);
    this.#chosen();
    this.#renderState();
  }

  /** Puts captured frames into the queue, and sends them if that is what was asked. @param {Resend} resend */
  async resend({ rows, isSentAtOnce = false, keepsKey = isSentAtOnce }) {
    const { items, notes } = await itemsOfRows(this.#app, this.#modules, rows, { keepsKey, inflates: !isSentAtOnce });
    if (items.length > 0) this.#queue.fill(items);
    const words = items.length === 0 ? ["There is no frame among these rows."] : notes;
    if (words.length > 0) this.#app.say(words.join(" "), "warn");
    if (items.length === 0) return;
    if (isSentAtOnce) await this.#sendAll();
    else this.#form.focus();
  }

  /** @returns {Composition} */
  #composition() {
    return {
      items: this.#queue.entries.map(({ item }) => ({ ...item })),
      opening: { ...this.#opening.opening },
      // The cast: one of the options.
      cut: /** @type {Cut} */ (this.#writes.value("cut")),
      at: String(this.#writes.value("at")),
      between: String(this.#writes.value("between")),
      target: { server: this.#targets.target.name, path: this.#targets.path },
    };
  }

  /** @param {Composition} kept */
  #restore({ items, opening, cut, at, between, target }) {
    this.#writes.fill({ cut, at, between });
    this.#opening.fill(opening);
    if (target) this.#targets.choose(target.server, target.path);
    this.#opening.render();
    this.#queue.fill(items);
  }

  /** A client's frames are masked, a server's are not. @param {"c2s" | "s2c"} direction */
  #turn(direction) {
    for (const { item } of this.#queue.entries) if (item.type === "frame") item.masked = direction === "c2s";
    this.#chosen();
  }

  /** Another entry is edited, or there are others. */
  #chosen() {
    if (!this.#form) return;
    const { item, beside } = this.#queue.entry;
    this.#form.show(item, beside);
    this.#due();
  }

  /** Draws once for all that changed. */
  #due() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#render();
    });
  }

  #render() {
    const bits = this.#session.deflate?.clientMaxWindowBits ?? null;
    this.#made = this.#queue.entries.map(({ item, beside }) => make(item, beside, this.#modules, bits));
    const explained = this.#explained();
    this.#queue.render(
      this.#made,
      explained.map(({ frames }) => [
        ...new Set(frames.flatMap(({ violations }) => violations.map(({ name }) => name))),
      ]),
    );
    const { at } = this.#queue;
    const made = this.#made[at];
    this.#form.judge(made?.problems ?? []);
    const { frames, wire, note } = explained[at] ?? { frames: [], wire: new Uint8Array(), note: "" };
    this.#decoded.show(wire, frames, note);
    this.#judgeWrites();
  }

  /**
   * What the module says of each entry, as it stands behind those before it: the frames that begin in it, and the bytes
   * from there on.
   *
   * @returns {{ frames: Explained[], wire: Bytes, note: string }[]}
   */
  #explained() {
    const pieces = this.#made.map(({ bytes }) => bytes);
    const all = joined(pieces);
    /** @param {Uint8Array} bytes @returns {Explained[]} */
    const ask = (bytes) =>
      JSON.parse(this.#modules.explain(this.#inject?.direction ?? "c2s", this.#session.deflate ?? undefined, bytes));
    if (all.length > CONTEXT_MAX)
      return pieces.map((wire) => ({ frames: ask(wire), wire, note: "By itself: there is too much before it." }));
    const frames = ask(all);
    let [start, next, begins] = [0, 0, 0];
    return pieces.map((bytes) => {
      const wire = all.subarray(start);
      start += bytes.length;
      const here = [];
      for (let frame = frames[next]; frame && begins < start; frame = frames[next]) {
        here.push(frame);
        begins += lengthOf(frame.fields);
        next += 1;
      }
      const note = bytes.length === 0 ? "Nothing is there yet." : begins < start ? CUT_HEADER : SWALLOWED;
      return { frames: here, wire, note: here.length > 0 ? "" : note };
    });
  }

  /** The writes as they would go out; null if that cannot be, which is then said at the field. */
  #judgeWrites() {
    const problems = [];
    let writes = null;
    // The cast: one of the options.
    const cut = /** @type {Cut} */ (this.#writes.value("cut"));
    this.#writes.control("at").parentElement?.toggleAttribute("hidden", cut !== "at");
    try {
      const between = wholeNumber(String(this.#writes.value("between")), 0, 60_000, "A pause");
      const pieces = this.#made.map(({ bytes }, at) => {
        const { item } = /** @type {import("./queue.js").Entry} */ (this.#queue.entries[at]);
        return {
          bytes,
          headerLength: headerLengthOf(this.#modules, bytes),
          pause: Number(item.pause) || 0,
          isClose: item.type === "frame" ? item.opcode === 8 : (bytes[0] ?? 0) % 16 === 8,
        };
      });
      writes = writesOf(pieces, cut, String(this.#writes.value("at")), between);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.push({
        field: cut === "at" ? "at" : error.message.startsWith("A pause") ? "between" : "cut",
        says: error.message,
      });
    }
    this.#writes.judge(problems);
    return writes;
  }

  async #open() {
    const url = this.#targets.check();
    const request = this.#opening.bytes();
    if (!url || !request) return false;
    const { answersPings: pings, answersClose: close, isByteByByte } = this.#opening.opening;
    const isOpen = await this.#session.connect(this.#modules, url, request, { pings, close, isByteByByte });
    this.#render();
    return isOpen;
  }

  async #sendAll() {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#renderState();
    try {
      this.#render();
      if (!this.#inject && !this.#session.isOpen && !(await this.#open())) return;
      // Once more: what was agreed on says how it is compressed.
      this.#render();
      const bad = this.#made.findIndex(({ problems }) => problems.length > 0);
      const writes = this.#judgeWrites();
      if (bad >= 0) {
        this.#queue.choose(bad);
        this.#app.say(`Frame ${bad + 1} cannot be sent: ${this.#made[bad]?.problems[0]?.says}`, "warn");
        return;
      }
      if (!writes) return;
      const items = this.#queue.entries.map(({ item }, at) => ({
        name: itemWords(item),
        text: itemText(item, this.#made[at]),
      }));
      this.#sending = new AbortController();
      if (this.#inject) await this.#inject.send(writes, items, this.#log, this.#sending.signal);
      else await this.#session.send(writes, items);
      this.#queue.entries.forEach((entry) => {
        entry.beside = { ...entry.beside, key: crypto.getRandomValues(new Uint8Array(4)) };
      });
      this.#chosen();
    } finally {
      this.#isSending = false;
      this.#renderState();
    }
  }

  #renderState() {
    if (!this.#session) return;
    const { isOpen, words, state } = this.#session;
    this.#state.textContent = words;
    this.#state.dataset.state = state;
    this.#connect.textContent = isOpen ? "Connect anew" : "Connect";
    this.#connect.disabled = this.#isSending;
    this.#close.disabled = state !== "open";
    this.#end.disabled = !isOpen;
    this.#cut.disabled = state === "none" || state === "closed";
    this.#send.disabled = this.#isSending || this.#inject?.isOpen === false;
    this.#send.textContent = this.#inject ? "Inject" : isOpen ? "Send" : "Connect and send";
    this.#stop.hidden = !this.#isSending;
    this.#due();
  }
}

/** @param {import("./frame.js").Item} item @param {Made} [made] */
function itemText(item, made) {
  const length = made?.bytes.length ?? 0;
  if (item.type === "bytes") return `${preview(made?.bytes ?? new Uint8Array(), 60)} (${length} B)`;
  if (item.payloadAs === "close") return `${item.code || "no code"} ${item.reason}`.trim();
  return `${brief(item.payloadAs === "file" ? "a file" : item.payload, 80)} (${length} B on the wire)`;
}
