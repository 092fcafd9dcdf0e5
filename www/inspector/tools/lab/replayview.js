// @ts-check
// Playing a captured conversation again: what, where to, how fast; and how the answers compare.

import { el, on } from "../../../lib/dom.js";
import { counted } from "../../../lib/text.js";
import { brief, Unreadable } from "./bytes.js";
import { compared, ignoredNames } from "./difference.js";
import { box, choice, Fields, line } from "./fields.js";
import { showPlace, showRow } from "./log.js";
import { replay } from "./replay.js";
import { answerText, readScript } from "./script.js";
import { targetChooser } from "./targets.js";

/** @import { App, ConnectionInfo } from "../../app.js" */
/** @import { Pair, Verdict } from "./difference.js" */
/** @import { Modules } from "./modules.js" */
/** @import { Recorder } from "./recorder.js" */
/** @import { Live } from "./replay.js" */
/** @import { Script } from "./script.js" */

/** @type {Record<Verdict, string>} */
const SIGNS = { same: "✓", differs: "≠", missing: "−", extra: "+" };

/** More rows than that are no table to read. */
const PAIRS_MAX = 1000;

export class ReplayView {
  #app;
  #modules;
  #recorder;
  #targets;
  #fields;
  /** @type {ConnectionInfo[]} */
  #connections = [];
  #which = el("select", { id: "replay-which" });
  /** There is nothing to replay before it is known which connections there are. */
  #start = el("button", { class: "primary", type: "button", disabled: true }, "Replay");
  #stop = el("button", { type: "button", disabled: true }, "Stop");
  #bar = el("progress", {
    class: "conformance-progress",
    max: 1,
    value: 0,
    hidden: true,
    "aria-label": "Progress of the replay",
  });
  #summary = el("p", { class: "conformance-summary", role: "status" });
  #notes = el("ul", { class: "replay-notes" });
  #results = el("tbody");
  #table;
  /** @type {AbortController | null} */
  #running = null;
  /** The last run, to be compared anew when other fields are ignored. @type {{ script: Script, answers: Live[], connection: number } | null} */
  #last = null;

  /** @param {HTMLElement} root @param {App} app @param {Modules} modules @param {Recorder} recorder */
  constructor(root, app, modules, recorder) {
    this.#app = app;
    this.#modules = modules;
    this.#recorder = recorder;
    const { signal } = app;
    this.#targets = targetChooser({ signal });
    this.#fields = new Fields((name) => {
      this.#judge();
      if (name === "ignored" || name === "shows") this.#renderPairs();
    }, signal);
    const fields = this.#fields;
    this.#table = el(
      "table",
      { class: "tool-table conformance-table replay-table", hidden: true, "aria-label": "Answers compared" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...["Verdict", "Captured", "This time", "What differs"].map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      this.#results,
    );
    root.append(
      el("div", { class: "tool-bar" }, el("label", { for: this.#which.id }, "Conversation"), this.#which),
      el("div", { class: "tool-bar" }, this.#targets.element),
      el(
        "div",
        { class: "tool-bar" },
        fields.add(
          "pace",
          "Pace",
          choice([
            ["answers", "as fast as answers come"],
            ["time", "as captured"],
          ]),
        ),
        fields.add("factor", "Times", line({ class: "mono lab-short", value: "1", inputMode: "decimal" }), {
          hint: "0.5 is twice as fast, 0 waits for nothing",
        }),
        fields.add("keepsKeys", "The same masking keys", box()),
        fields.add("ignored", "Ignored in JSON", line({ class: "mono", placeholder: "id, data.time" }), {
          hint: "Names of fields, wherever they stand, or paths",
        }),
        fields.add(
          "shows",
          "Show",
          choice([
            ["all", "all answers"],
            ["open", "what is not the same"],
          ]),
        ),
      ),
      el("div", { class: "tool-bar" }, this.#start, this.#stop),
      el("div", { class: "conformance-state" }, this.#bar, this.#summary, this.#notes),
      el("div", { class: "tool-scroll" }, this.#table),
    );
    on(this.#start, "click", () => void this.#run(), signal);
    on(this.#stop, "click", () => this.#running?.abort(), signal);
    on(this.#which, "change", () => this.#takePath(), signal);
    on(this.#which, "pointerdown", () => void this.refresh(), signal);
    on(this.#which, "focus", () => void this.refresh(), signal);
    this.#judge();
  }

  /** Asks again which connections there are. @param {number} [wanted] */
  async refresh(wanted) {
    const all = await this.#app.capture.connections().catch(() => []);
    this.#connections = all.filter(({ frames }) => frames[0] > 0);
    const chosen = String(wanted ?? (this.#which.value || this.#connections[0]?.connection));
    const key = this.#connections.map(({ connection, rows }) => `${connection} ${rows}`).join();
    if (this.#which.dataset.key !== key) {
      this.#which.dataset.key = key;
      this.#which.replaceChildren(
        ...this.#connections.map((info) => el("option", { value: info.connection }, connectionWords(info))),
      );
    }
    const isThere = this.#connections.some(({ connection }) => String(connection) === chosen);
    if (isThere) this.#which.value = chosen;
    if (wanted !== undefined) this.#takePath();
    this.#start.disabled = this.#connections.length === 0 || this.#running !== null;
    if (this.#connections.length === 0)
      this.#summary.textContent =
        "No captured connection in which a client sent frames. Open a capture, or make a connection first.";
    else if (!this.#last && !this.#running) this.#summary.textContent = "";
  }

  get #chosen() {
    return this.#connections.find(({ connection }) => String(connection) === this.#which.value);
  }

  #takePath() {
    const target = this.#chosen?.target;
    if (target?.startsWith("/")) this.#targets.choose(this.#targets.target.name, target);
  }

  /** @returns {number | null} how many times as slow */
  #judge() {
    const isTimed = this.#fields.value("pace") === "time";
    this.#fields.control("factor").parentElement?.toggleAttribute("hidden", !isTimed);
    try {
      const text = String(this.#fields.value("factor")).trim();
      const factor = Number(text);
      if (isTimed && (text === "" || !(factor >= 0 && factor <= 100))) throw new Unreadable("A number from 0 to 100.");
      this.#fields.judge([]);
      return factor;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#fields.judge([{ field: "factor", says: error.message }]);
      return null;
    }
  }

  async #run() {
    const url = this.#targets.check();
    const factor = this.#judge();
    const info = this.#chosen;
    if (this.#running || !url || factor === null || !info) return;
    const running = new AbortController();
    this.#running = running;
    this.#last = null;
    this.#renderRunning("Reading the conversation …");
    this.#renderPairs();
    let words = "";
    try {
      const script = await readScript(this.#app, this.#modules, info, running.signal);
      this.#bar.max = Math.max(1, script.steps.length);
      const { answers, notes } = await replay({
        app: this.#app,
        modules: this.#modules,
        recorder: this.#recorder,
        url,
        script,
        // The cast: one of the options.
        wishes: {
          pace: /** @type {"time" | "answers"} */ (this.#fields.value("pace")),
          factor,
          keepsKeys: this.#fields.value("keepsKeys") === true,
          path: this.#targets.path,
        },
        signal: running.signal,
        onProgress: (done, came) => {
          this.#bar.value = done;
          this.#summary.textContent = `${done} of ${script.steps.length} frames sent, ${counted(came, "answer")} of ${script.answers.length}.`;
        },
      });
      this.#last = { script, answers, connection: info.connection };
      this.#notes.replaceChildren(...[...script.notes, ...notes].map((note) => el("li", {}, note)));
    } catch (error) {
      words = error instanceof Error ? error.message : String(error);
    }
    const wasStopped = running.signal.aborted;
    this.#running = null;
    this.#renderRunning("");
    const told = this.#renderPairs();
    this.#summary.textContent = words || `${wasStopped ? "Stopped. " : ""}${told}`;
  }

  /** @param {string} words */
  #renderRunning(words) {
    const isRunning = this.#running !== null;
    this.#start.disabled = isRunning;
    this.#stop.disabled = !isRunning;
    this.#bar.hidden = !isRunning;
    this.#bar.value = 0;
    this.#which.disabled = isRunning;
    this.#targets.disable(isRunning);
    if (words) {
      this.#summary.textContent = words;
      this.#notes.replaceChildren();
    }
  }

  /** @returns {string} in words, how the two compare */
  #renderPairs() {
    this.#table.hidden = !this.#last;
    if (!this.#last) return "";
    const { script, answers, connection } = this.#last;
    const pairs = compared(script.answers, answers, ignoredNames(String(this.#fields.value("ignored"))));
    const shown = this.#fields.value("shows") === "all" ? pairs : pairs.filter(({ verdict }) => verdict !== "same");
    this.#results.replaceChildren(...shown.slice(0, PAIRS_MAX).map((pair) => this.#row(pair, connection)));
    const count = (/** @type {Verdict} */ wanted) => pairs.filter(({ verdict }) => verdict === wanted).length;
    const parts = /** @type {Verdict[]} */ (["same", "differs", "missing", "extra"]).flatMap((verdict) =>
      count(verdict) > 0 ? [`${count(verdict)} ${verdict}`] : [],
    );
    const words =
      pairs.length === 0 ? "No answers, then or now." : `${counted(pairs.length, "answer")}: ${parts.join(", ")}.`;
    this.#summary.textContent = words;
    return words;
  }

  /** @param {Pair<Live>} pair @param {number} connection */
  #row({ verdict, captured, live, differences }, connection) {
    const link = (/** @type {string} */ text, /** @type {() => void} */ show) => {
      const button = el(
        "button",
        { class: "link replay-said mono", type: "button", title: "Show its row in the list" },
        text,
      );
      on(button, "click", show, this.#app.signal);
      return button;
    };
    const words = (/** @type {import("./script.js").Answer} */ answer) =>
      `${answer.kind} ${brief(answerText(answer), 80)}`;
    return el(
      "tr",
      { "data-state": { same: "pass", differs: "fail", missing: "fail", extra: "non-strict" }[verdict] },
      el("td", { class: "conformance-verdict" }, `${SIGNS[verdict]} ${verdict}`),
      el(
        "td",
        {},
        captured && link(words(captured), () => void showRow(this.#app, { index: captured.row ?? 0, connection })),
      ),
      el("td", {}, live && link(words(live), () => void showPlace(this.#app, live.place))),
      el("td", { class: "replay-difference mono" }, ...differences.map((line) => el("div", {}, line))),
    );
  }
}

/** @param {ConnectionInfo} info */
function connectionWords({ connection, target, host, frames, label }) {
  return `${connection}: ${label || `${host}${target}`}, ${counted(frames[0], "frame")} from the client, ${frames[1]} back`;
}
