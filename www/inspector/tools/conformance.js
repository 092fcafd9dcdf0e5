// @ts-check
// Asks a server the cases one after the other, and shows what it did: pass, non-strict, fail, with the reason and the
// frames.

import { el, on } from "../../lib/dom.js";
import { counted } from "../../lib/text.js";
import { CASES, GROUPS } from "../conformance/cases.js";
import { runAll } from "../conformance/run.js";
import { sectionLink } from "../fields.js";
import { theModules } from "./lab/modules.js";
import { isProxied } from "./lab/proxied.js";
import { Recorder } from "./lab/recorder.js";
import { wearSheet } from "./lab/sheet.js";
import { targetChooser } from "./lab/targets.js";

/** @import { App, Tool } from "../app.js" */
/** @import { Case } from "../conformance/build.js" */
/** @import { Known, Result, Verdict } from "../conformance/judge.js" */

/** @type {Verdict[]} */
const VERDICTS = ["fail", "non-strict", "pass", "skipped"];
const SIGNS = { pass: "✓", "non-strict": "△", fail: "✗", skipped: "–", running: "…", waiting: "" };

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  wearSheet();
  /** @type {Conformance | null} */
  let tool = null;
  void isProxied().then((isProxy) => {
    if (isProxy) root.append(el("p", { class: "hint" }, NO_TUNNEL));
    else tool = new Conformance(root, app);
  });
  return { shown: () => tool?.render() };
}

const NO_TUNNEL =
  "A proxy’s page has no tunnel through which a server could be asked. The inspector of a Framescope server has one: its operator allows the server with --tunnel-to.";

class Conformance {
  #app;
  #targets;
  /** @type {Map<string, Result>} */
  #results = new Map();
  /** Those that are being asked now. @type {Set<string>} */
  #running = new Set();
  /** @type {AbortController | null} */
  #run = null;
  /** What was asked, and what it turned out to be. @type {{ url: string, known: Known | null, at: Date } | null} */
  #asked = null;
  /** What a run is of: so many, of which so many are done. */
  #progress = { of: 0, done: 0 };
  /** @type {Map<string, Recorder>} */
  #recorders = new Map();
  /** @type {Map<string, HTMLTableRowElement>} */
  #rows = new Map();
  #echoes = el(
    "select",
    { id: "conformance-echoes" },
    el("option", { value: "" }, "find out"),
    el("option", { value: "yes" }, "sends messages back"),
    el("option", { value: "no" }, "does not"),
  );
  #shows = el(
    "select",
    { id: "conformance-shows" },
    el("option", { value: "all" }, "all cases"),
    el("option", { value: "open" }, "what is not passed"),
  );
  #all = el("button", { class: "primary", type: "button" }, "Run all");
  #again = el("button", { type: "button", disabled: true }, "Run failed again");
  #stop = el("button", { type: "button", disabled: true }, "Stop");
  #save = el("button", { class: "quiet", type: "button", disabled: true }, "Export JSON");
  #bar = el("progress", { class: "conformance-progress", max: 1, value: 0, "aria-label": "Progress of the run" });
  #summary = el("p", { class: "conformance-summary", role: "status" });

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    this.#targets = targetChooser({ signal: app.signal });
    root.classList.add("lab", "conformance");
    root.append(
      el(
        "div",
        { class: "tool-bar" },
        this.#targets.element,
        el("label", { for: this.#echoes.id }, "The server"),
        this.#echoes,
      ),
      el(
        "div",
        { class: "tool-bar" },
        this.#all,
        this.#again,
        this.#stop,
        this.#save,
        el("label", { class: "push", for: this.#shows.id }, "Show"),
        this.#shows,
      ),
      el("div", { class: "conformance-state" }, this.#bar, this.#summary),
      this.#table(),
    );
    on(this.#all, "click", () => void this.#start(CASES), app.signal);
    on(this.#again, "click", () => void this.#start(CASES.filter(({ id }) => this.#isOpen(id))), app.signal);
    on(this.#stop, "click", () => this.#run?.abort(), app.signal);
    on(this.#save, "click", () => this.#export(), app.signal);
    on(this.#shows, "change", () => this.render(), app.signal);
    this.render();
  }

  #table() {
    const table = el(
      "table",
      { class: "tool-table conformance-table", "aria-label": "Cases" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...["Verdict", "Case", "Section", "What it did", ""].map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
    );
    for (const group of GROUPS) {
      const cases = CASES.filter((one) => one.group === group);
      table.append(
        el(
          "tbody",
          {},
          el("tr", {}, el("th", { class: "conformance-group", colSpan: 5, scope: "rowgroup" }, group)),
          ...cases.map((one) => this.#row(one)),
        ),
      );
    }
    return el("div", { class: "tool-scroll" }, table);
  }

  /** @param {Case} one */
  #row(one) {
    const run = el("button", { class: "quiet", type: "button", "aria-label": `Run: ${one.title}` }, "Run");
    const frames = el(
      "button",
      { class: "link", type: "button", hidden: true, "aria-label": `Frames of: ${one.title}` },
      "Frames",
    );
    on(run, "click", () => void this.#start([one]), this.#app.signal);
    on(frames, "click", () => void this.#showFrames(one), this.#app.signal);
    const row = el(
      "tr",
      { "data-case": one.id },
      el("td", { class: "conformance-verdict" }),
      el("td", { title: one.id }, one.title),
      el("td", { class: "tool-section" }, sectionLink(one.section)),
      el("td", { class: "conformance-reason" }),
      el("td", { class: "conformance-doing" }, frames, run),
    );
    this.#rows.set(one.id, row);
    return row;
  }

  /** Whether there is something to be looked at. @param {string} id */
  #isOpen(id) {
    const verdict = this.#results.get(id)?.verdict;
    return verdict === "fail" || verdict === "non-strict";
  }

  /** @param {Case[]} cases */
  async #start(cases) {
    const url = this.#targets.check();
    if (this.#run || cases.length === 0 || !url) return;
    const run = new AbortController();
    this.#run = run;
    // What was found of one server says nothing of another.
    if (this.#asked?.url !== url) this.#results.clear();
    this.#asked = { url, known: null, at: new Date() };
    this.#progress = { of: cases.length, done: 0 };
    for (const { id } of cases) this.#results.delete(id);
    this.render("Asking whether there is a WebSocket …");
    let trouble = "";
    try {
      await runAll({
        cases,
        modules: await theModules(),
        recorder: this.#recorderOf(this.#targets.target.name),
        url,
        echoes: this.#echoes.value === "" ? null : this.#echoes.value === "yes",
        signal: run.signal,
        onKnown: (known) => {
          if (this.#asked) this.#asked.known = known;
          this.render();
        },
        onBegun: ({ id }) => {
          this.#running.add(id);
          this.#renderRow(id);
        },
        onDone: ({ id }, result) => {
          this.#running.delete(id);
          this.#results.set(id, result);
          this.#progress.done += 1;
          this.render();
        },
      });
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
    const wasStopped = run.signal.aborted;
    this.#run = null;
    this.#running.clear();
    this.render(trouble || (wasStopped ? `Stopped. ${this.#words()}` : ""));
  }

  /** One source for each server, however often it is asked. @param {string} name */
  #recorderOf(name) {
    const recorder = this.#recorders.get(name) ?? new Recorder(this.#app, `Conformance: ${name}`);
    this.#recorders.set(name, recorder);
    return recorder;
  }

  /** Lists the frames of a case, and nothing else. @param {Case} one */
  async #showFrames({ id }) {
    const handle = this.#results.get(id)?.handle ?? null;
    const { capture } = this.#app;
    const connection = handle === null ? undefined : await capture.clientConnection(handle);
    if (connection === undefined) {
      this.#app.say("Its frames are not held: nothing of HTTP was sent, or they were cleared.", "warn");
      return;
    }
    await this.#app.setView({ filter: "", layer: "frames", connection, between: null });
    const first = await capture.viewIndex(0);
    if (first === undefined) this.#app.say("Its frames went to make room for later ones.", "warn");
    else this.#app.choose(first);
  }

  /** @param {Verdict} verdict */
  #count(verdict) {
    return [...this.#results.values()].filter((result) => result.verdict === verdict).length;
  }

  #words() {
    const counts = VERDICTS.map((verdict) => [this.#count(verdict), verdict]).filter(([count]) => count);
    if (counts.length === 0) return `${counted(CASES.length, "case")}, none asked yet.`;
    const { known } = this.#asked ?? {};
    const kind = known
      ? ` It ${known.echoes ? "sends messages back" : "does not send messages back"}, and ${known.deflates ? "compresses" : "does not compress"}.`
      : "";
    return `${counts.map(([count, verdict]) => `${count} ${verdict}`).join(", ")}.${this.#run ? "" : kind}`;
  }

  /** @param {string} [words] in place of how it stands */
  render(words = "") {
    const { of, done } = this.#progress;
    const isRunning = this.#run !== null;
    this.#all.disabled = isRunning;
    this.#stop.disabled = !isRunning;
    this.#again.disabled = isRunning || !CASES.some(({ id }) => this.#isOpen(id));
    this.#save.disabled = this.#results.size === 0;
    this.#targets.disable(isRunning);
    this.#echoes.disabled = isRunning;
    this.#bar.hidden = !isRunning;
    this.#bar.max = Math.max(1, of);
    this.#bar.value = done;
    this.#summary.textContent = words || (isRunning ? `${done} of ${of}: ${this.#words()}` : this.#words());
    for (const id of this.#rows.keys()) this.#renderRow(id);
  }

  /** @param {string} id */
  #renderRow(id) {
    const row = this.#rows.get(id);
    if (!row) return;
    const result = this.#results.get(id);
    const state = this.#running.has(id) ? "running" : (result?.verdict ?? "waiting");
    const isListed = this.#shows.value === "all" || (state !== "pass" && state !== "waiting" && state !== "skipped");
    row.hidden = !isListed;
    const key = `${state} ${result?.reason ?? ""} ${this.#run !== null}`;
    if (row.dataset.key === key) return;
    row.dataset.key = key;
    row.dataset.state = state;
    const [verdict, , , reason, doing] = row.cells;
    const [frames, run] = doing?.children ?? [];
    if (verdict) verdict.textContent = state === "waiting" ? "" : `${SIGNS[state]} ${state}`;
    if (reason) reason.textContent = result?.reason ?? "";
    if (frames instanceof HTMLButtonElement) frames.hidden = !result || result.handle === null;
    if (run instanceof HTMLButtonElement) run.disabled = this.#run !== null;
  }

  #export() {
    const { url, known, at } = this.#asked ?? { url: "", known: null, at: new Date() };
    const results = CASES.flatMap(({ id, group, title, section }) => {
      const result = this.#results.get(id);
      if (!result) return [];
      const { verdict, reason, ms } = result;
      return [{ id, group, title, section, verdict, reason, milliseconds: Math.round(ms) }];
    });
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, this.#count(verdict)]));
    const report = { server: url, at: at.toISOString(), ...known, counts, results };
    this.#app.download("framescope-conformance.json", "application/json", [`${JSON.stringify(report, null, 2)}\n`]);
  }
}
