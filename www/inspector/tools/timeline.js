// @ts-check
// The strip over the list: rate or size over time, to be brushed; round trips; the longest silences.
//
// One brushes with the pointer, or with the keyboard: the two edges of the brush are sliders. What is brushed becomes
// the time range of the view, as any other part of the filter.

import { el, on, size } from "../../lib/dom.js";
import { counted } from "../../lib/text.js";
import { bucketsFor, drawTimeline, paletteOf, seriesOf, timeAt } from "./timeline-chart.js";
import { moment, span } from "./times.js";
import { drawTrips } from "./trips-chart.js";

/** @import { App, Tool } from "../app.js" */
/** @import { RoundTrip, Silence, Timeline } from "../../pkg/framescope_wasm.js" */
/** @import { Measure } from "./timeline-chart.js" */

/** @typedef {Measure | "trips"} Shown */

/** At most this often while frames come in, in milliseconds: a picture that flickers tells nothing. */
const EVERY = 250;
const SILENCES = 5;

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  const strip = new Strip(root, app);
  return {
    shown: () => strip.setShown(true),
    hidden: () => strip.setShown(false),
    changed: () => strip.refresh(),
  };
}

class Strip {
  #app;
  #canvas = el("canvas", { class: "timeline-canvas", "aria-hidden": "true" });
  #note = el("span", { class: "timeline-note", role: "status" });
  #clear = el("button", { class: "quiet", type: "button", hidden: true }, "Whole time");
  #silences = el("span", { class: "timeline-silences" });
  #choice = el("select", { "aria-label": "What the timeline shows" });
  #edges;
  /** @type {Timeline | null} */
  #timeline = null;
  /** @type {RoundTrip[]} */
  #trips = [];
  /** @type {Shown} */
  #what = "rows";
  #isShown = false;
  #isAsking = false;
  #isStale = false;
  /** @type {number | null} */
  #pointed = null;
  /** Where a brush under way began, and is now. @type {[number, number] | null} */
  #drag = null;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    const options = /** @type {const} */ ([
      ["rows", "Frames"],
      ["bytes", "Bytes"],
      ["largest", "Largest frame"],
      ["trips", "Round trips"],
    ]);
    this.#choice.append(...options.map(([value, label]) => el("option", { value }, label)));
    this.#edges = [this.#edge("From", 0), this.#edge("To", 1)];
    const legend = el(
      "span",
      { class: "timeline-legend" },
      el("span", { class: "timeline-key", "data-way": "c2s" }, "client"),
      el("span", { class: "timeline-key", "data-way": "s2c" }, "server"),
    );
    root.classList.add("timeline");
    root.append(
      el("div", { class: "timeline-bar" }, this.#choice, legend, this.#note, this.#silences, this.#clear),
      el("div", { class: "timeline-picture" }, this.#canvas, ...this.#edges),
    );
    const { signal } = app;
    on(this.#choice, "change", () => this.#choose(), signal);
    on(this.#clear, "click", () => this.#brush(null), signal);
    on(this.#canvas, "pointerdown", (event) => this.#pressed(event), signal);
    on(this.#canvas, "pointermove", (event) => this.#moved(event), signal);
    on(this.#canvas, "pointerup", (event) => this.#released(event), signal);
    on(this.#canvas, "pointercancel", () => this.#leave(true), signal);
    on(this.#canvas, "pointerleave", () => this.#leave(false), signal);
    on(this.#canvas, "dblclick", () => this.#brush(null), signal);
    const observer = new ResizeObserver(() => this.refresh());
    observer.observe(this.#canvas);
    signal.addEventListener("abort", () => observer.disconnect());
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.#draw(), signal);
    app.on("view", () => this.refresh(), signal);
  }

  /** @param {boolean} isShown */
  setShown(isShown) {
    this.#isShown = isShown;
    if (isShown) this.refresh();
  }

  /** Asks for what is in the picture, once at a time and not too often. */
  refresh() {
    if (!this.#isShown) return;
    this.#isStale = true;
    if (!this.#isAsking) void this.#ask();
  }

  async #ask() {
    this.#isAsking = true;
    while (this.#isStale && this.#isShown && !this.#app.signal.aborted) {
      this.#isStale = false;
      const buckets = bucketsFor(this.#canvas.clientWidth);
      const { capture, view } = this.#app;
      try {
        const [timeline, silences] = await Promise.all([
          capture.timeline({ from: null, to: null, buckets }),
          capture.silences(SILENCES),
        ]);
        if (this.#what === "trips") this.#trips = await capture.roundTrips(view.connection ?? undefined);
        this.#timeline = timeline;
        this.#draw();
        this.#showSilences(silences);
      } catch (error) {
        this.#note.textContent = String(error);
      }
      await new Promise((done) => setTimeout(done, EVERY));
    }
    this.#isAsking = false;
  }

  #choose() {
    // The cast: the options are ours.
    this.#what = /** @type {Shown} */ (this.#choice.value);
    this.refresh();
  }

  #draw() {
    const timeline = this.#timeline;
    if (!timeline || !this.#isShown) return;
    const brush = this.#drag ? ordered(this.#drag) : this.#app.view.between;
    const palette = paletteOf(this.#canvas.parentElement ?? this.#canvas);
    if (this.#what === "trips") drawTrips(this.#canvas, timeline, this.#trips, { palette, brush });
    else drawTimeline(this.#canvas, timeline, { measure: this.#what, palette, brush, pointed: this.#pointed });
    this.#clear.hidden = brush === null;
    for (const [place, edge] of this.#edges.entries()) {
      edge.min = String(timeline.from);
      edge.max = String(timeline.to);
      edge.step = String(Math.max(1, timeline.bucket));
      edge.value = String(brush?.[place] ?? (place === 0 ? timeline.from : timeline.to));
      edge.setAttribute("aria-valuetext", moment(Number(edge.value), timeline.bucket));
    }
    this.#note.textContent = this.#words(timeline, brush);
  }

  /** @param {Timeline} timeline @param {[number, number] | null} brush */
  #words(timeline, brush) {
    const { bucket } = timeline;
    if (brush) return `${moment(brush[0], bucket)} to ${moment(brush[1], bucket)}, ${span(brush[1] - brush[0])}`;
    if (this.#what === "trips") return tripWords(this.#trips);
    const [up, down] = seriesOf(timeline, this.#what);
    if (this.#pointed !== null) {
      const at = moment(timeline.from + this.#pointed * bucket, bucket);
      const shown = (/** @type {number} */ value) => (this.#what === "rows" ? String(value) : size(value));
      const flaws = timeline.violations[this.#pointed] ?? 0;
      const tail = flaws > 0 ? `, ${counted(flaws, "violation")}` : "";
      return `${at}: client ${shown(up[this.#pointed] ?? 0)}, server ${shown(down[this.#pointed] ?? 0)}${tail}`;
    }
    const total = [...up, ...down].reduce((sum, value) => sum + value, 0);
    if (total === 0) return "Nothing to see yet";
    const most = Math.max(...up, ...down);
    const unit = `in ${span(bucket)}`;
    if (this.#what === "rows") return `${span(timeline.to - timeline.from)}; at most ${counted(most, "frame")} ${unit}`;
    return this.#what === "bytes" ? `at most ${size(most)} ${unit}` : `at most ${size(most)}`;
  }

  /** @param {Silence[]} silences */
  #showSilences(silences) {
    const worth = silences.filter(({ ns }) => ns > 0);
    this.#silences.replaceChildren(
      ...(worth.length === 0 ? [] : ["Silences: "]),
      ...worth.flatMap(({ row, ns }) => {
        const button = el(
          "button",
          { class: "link", type: "button", title: `To the frame that ended it: no. ${row + 1}` },
          span(ns),
        );
        on(button, "click", () => this.#app.choose(row), this.#app.signal);
        return [button, " "];
      }),
    );
  }

  /** @param {string} name @param {0 | 1} place */
  #edge(name, place) {
    const edge = el("input", { class: "timeline-edge", type: "range", "aria-label": `${name}, on the timeline` });
    on(
      edge,
      "input",
      () => {
        const timeline = this.#timeline;
        if (!timeline) return;
        const range = this.#app.view.between ?? [timeline.from, timeline.to];
        this.#brush(ordered(place === 0 ? [Number(edge.value), range[1]] : [range[0], Number(edge.value)]));
      },
      this.#app.signal,
    );
    on(edge, "keydown", (event) => event.key === "Escape" && this.#brush(null), this.#app.signal);
    return edge;
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    if (event.button !== 0 || !this.#timeline) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const time = this.#time(event);
    this.#drag = [time, time];
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    if (!this.#timeline) return;
    const part = this.#part(event);
    this.#pointed = Math.min(this.#timeline.rows[0].length - 1, Math.floor(part * this.#timeline.rows[0].length));
    if (this.#drag) this.#drag[1] = this.#time(event);
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #released(event) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag || !this.#timeline) return;
    const range = ordered([drag[0], this.#time(event)]);
    // A click is no brush: it leads to the first frame there.
    if (range[1] - range[0] < this.#timeline.bucket) this.#toTime(range[0]);
    else this.#brush(range);
  }

  /** @param {boolean} isOver */
  #leave(isOver) {
    if (isOver) this.#drag = null;
    this.#pointed = null;
    this.#draw();
  }

  /** @param {number} time */
  async #toTime(time) {
    const row = await this.#app.capture.rowAt(time);
    if (row !== undefined && row !== null) this.#app.choose(row);
  }

  /** @param {[number, number] | null} between */
  #brush(between) {
    const whole = between?.map(Math.round);
    void this.#app.setView({ between: whole ? [whole[0] ?? 0, whole[1] ?? 0] : null });
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #part(event) {
    const box = this.#canvas.getBoundingClientRect();
    return Math.min(0.999_999, Math.max(0, (event.clientX - box.left) / Math.max(1, box.width)));
  }

  /** @param {PointerEvent} event */
  #time(event) {
    return this.#timeline ? timeAt(this.#timeline, this.#part(event)) : 0;
  }
}

/** @param {[number, number]} range @returns {[number, number]} */
function ordered([one, other]) {
  return one <= other ? [one, other] : [other, one];
}

/** @param {RoundTrip[]} trips */
function tripWords(trips) {
  const times = trips.flatMap(({ ns }) => (ns === null ? [] : [ns])).sort((one, other) => one - other);
  if (trips.length === 0) return "No ping was seen";
  const missing = trips.length - times.length;
  const tail = missing > 0 ? `; ${counted(missing, "ping")} without a pong` : "";
  const middle = times[Math.floor(times.length / 2)];
  if (middle === undefined) return tail.slice(2);
  return `${counted(times.length, "round trip")}: least ${span(times[0] ?? 0)}, median ${span(middle)}, most ${span(times.at(-1) ?? 0)}${tail}`;
}
