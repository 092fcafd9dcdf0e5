// @ts-check
// The round trips: in figures, as a chart, and one by one.

import { byId, closestWith, el, grouped, on, setText } from "../lib/dom.js";
import { drawChart, pingAt, SHOWN } from "./chart.js";
import { clock } from "./log.js";
import { payloadWords } from "./payload.js";
import { time, tripsWords } from "./words.js";

/** @import { Ping, Rally } from "./rally.js" */

/** Rows of the list. */
const LISTED = 20;

export class TripsPane {
  #chart = byId("chart", SVGSVGElement);
  #list = byId("list", HTMLElement);
  #details = byId("list-details", HTMLDetailsElement);
  /** @type {Ping[]} */
  #pings = [];
  #noun = "ping";
  /** The number of the ping that is pointed at. @type {number | null} */
  #pointed = null;

  /** @param {(ping: Ping) => void} chosen the user wants to see this one's frames @param {AbortSignal} signal */
  constructor(chosen, signal) {
    on(
      this.#chart,
      "pointermove",
      (event) => this.point(pingAt(this.#chart, this.#pings, event.clientX)?.number ?? null),
      signal,
    );
    on(this.#chart, "pointerleave", () => this.point(null), signal);
    on(
      this.#chart,
      "click",
      (event) => {
        const ping = pingAt(this.#chart, this.#pings, event.clientX);
        if (ping) chosen(ping);
      },
      signal,
    );
    on(
      this.#list,
      "click",
      (event) => {
        const number = Number(closestWith(event, "data-number")?.dataset.number);
        const ping = this.#pings.find((one) => one.number === number);
        if (ping) chosen(ping);
      },
      signal,
    );
    for (const type of /** @type {const} */ (["pointerleave", "focusout"]))
      on(this.#list, type, () => this.#drawSoon(), signal);
    on(this.#details, "toggle", () => this.#drawList(), signal);
    const observer = new ResizeObserver(() => this.#draw());
    observer.observe(this.#chart);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** @param {number | null} number */
  point(number) {
    if (number === this.#pointed) return;
    this.#pointed = number;
    this.#draw();
  }

  /** @param {Rally} rally @param {string} noun */
  render({ pings, figures }, noun) {
    this.#pings = pings;
    this.#noun = noun;
    setText("sent-head", noun === "ping" ? "Pings" : "Messages");
    setText("answered-head", noun === "ping" ? "Pongs" : "Answers");
    for (const one of /** @type {const} */ (["sent", "answered", "unanswered"])) setText(one, grouped(figures[one]));
    for (const one of /** @type {const} */ (["last", "fastest", "median", "slowest"])) setText(one, time(figures[one]));
    byId("chart-figure", HTMLElement).hidden = pings.length === 0;
    this.#details.hidden = pings.length === 0;
    this.#draw();
    this.#drawList();
  }

  #draw() {
    if (this.#pings.length === 0) return;
    drawChart(this.#chart, this.#pings, this.#pointed);
    const words = tripsWords(this.#pings.slice(-SHOWN), this.#noun);
    const pointed = this.#pings.find(({ number }) => number === this.#pointed);
    this.#chart.setAttribute("aria-label", words);
    setText("chart-words", pointed ? this.#oneWords(pointed) : words);
  }

  /** @param {Ping} ping */
  #oneWords({ number, trip, state, at }) {
    const name = this.#noun === "ping" ? "Ping" : "Message";
    const result = trip !== null ? time(trip) : state === "waiting" ? "on its way" : "unanswered";
    return `${name} ${number}, ${clock(at)}: ${result}.`;
  }

  #drawSoon() {
    requestAnimationFrame(() => this.#drawList());
  }

  #drawList() {
    // Rows do not move under somebody's hands.
    if (!this.#details.open || this.#list.matches(":hover, :focus-within")) return;
    this.#list.replaceChildren(
      ...this.#pings
        .slice(-LISTED)
        .toReversed()
        .map((ping) => this.#row(ping)),
    );
  }

  /** @param {Ping} ping */
  #row({ number, at, payload, trip, state, ping: frame }) {
    const result = trip !== null ? time(trip) : state === "waiting" ? "on its way" : "unanswered";
    const name = frame
      ? el("button", { class: "link", type: "button", "data-number": number, title: "Show its frames" }, String(number))
      : String(number);
    return el(
      "tr",
      {},
      el("td", { class: "number" }, name),
      el("td", {}, clock(at)),
      el("td", { class: "ping-listed" }, payloadWords(payload)),
      el("td", { class: state === "unanswered" ? "number outcome-bad" : "number" }, result),
    );
  }
}
