// @ts-check
// The part of the page's address behind the #: which rows are listed, and which one is chosen. Whoever is given the
// address of a sample, or reloads, gets to the same frame.

import { grouped } from "../lib/dom.js";

/** @import { Row, ViewSpec } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/** The address is written at most this often, in milliseconds: browsers count. */
const EVERY = 300;

/** What to do about a row that is not there. */
const OPEN = "If the capture was saved, open its file.";

/** @typedef {{ view: ViewSpec, row: number | null, at: string | null, sample: string | null }} Place */

/** @param {string} hash @returns {Place} */
export function placeOf(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/u, ""));
  const between = /^(\d+)-(\d+)$/u.exec(parts.get("between") ?? "");
  return {
    view: {
      filter: parts.get("filter") ?? "",
      layer: parts.get("layer") === "messages" ? "messages" : "frames",
      connection: asCount(parts.get("connection")),
      between: between ? [Number(between[1]), Number(between[2])] : null,
    },
    row: asCount(parts.get("row")),
    at: parts.get("at"),
    sample: parts.get("sample"),
  };
}

/** @param {Place} place */
export function hashOf({ view: { filter, layer, connection, between }, row, at, sample }) {
  const parts = new URLSearchParams();
  if (sample !== null) parts.set("sample", sample);
  if (filter !== "") parts.set("filter", filter);
  if (layer !== "frames") parts.set("layer", layer);
  if (connection !== null) parts.set("connection", String(connection));
  if (between !== null) parts.set("between", between.map(Math.round).join("-"));
  // Rows are numbered from 1 where people see them.
  if (row !== null) parts.set("row", String(row));
  // Of another capture, or of the same tap after a reload, a row of this number is another row: its time tells.
  if (row !== null && at !== null && sample === null) parts.set("at", at);
  return parts.size === 0 ? "" : `#${parts}`;
}

export class Address {
  #app;
  /** A row that is to be chosen once it is there, as a number from 1. @type {number | null} */
  #wanted = null;
  /** The time it has to have, if the address says. @type {string | null} */
  #wantedAt = null;
  #opened = "";
  /** What this page wrote there. */
  #written = location.hash;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #openSample;

  /** @param {Inspector} app @param {(name: string) => Promise<unknown>} openSample */
  constructor(app, openSample) {
    this.#app = app;
    this.#openSample = openSample;
    app.on("view", () => this.#soon());
    app.on("choosing", () => {
      if (app.chosenIndex !== null && app.chosenIndex + 1 !== this.#wanted) this.#wanted = null;
      this.#soon();
    });
    app.on("chosen", () => this.#soon());
    app.on("status", () => void this.#choose());
    addEventListener("hashchange", () => {
      if (location.hash === this.#written) return;
      // The link that skips to the rows says where on the page to go. What is listed, and chosen, stays.
      if (document.getElementById(location.hash.slice(1))) this.#write();
      else void this.follow();
    });
    app.command({
      id: "copy-address",
      title: "Copy a link to this view and row",
      group: "Page",
      run: () => {
        this.#write();
        void app.copy(location.href, "The link");
      },
    });
  }

  /** Whether it says a row that is not there yet. */
  get isWaiting() {
    return this.#wanted !== null;
  }

  /** Goes where the address says. */
  async follow() {
    const { view, row, at, sample } = placeOf(location.hash);
    this.#written = location.hash;
    this.#wanted = row;
    this.#wantedAt = at;
    const problem = await this.#app.setView(view);
    if (problem) this.#app.say(`The filter in the address is wrong: ${problem.message}`, "warn");
    if (sample !== null && sample !== this.#opened) {
      this.#opened = sample;
      await this.#openSample(sample);
    }
    // Nothing was read yet, and no sample is: what the link leads to was live, or in a file.
    if (row !== null && at !== null && sample === null && (this.#app.status?.end ?? 0) === 0)
      this.#app.say(`Row ${grouped(row)} of this link is not here: rows seen live go with the page. ${OPEN}`, "warn");
    await this.#choose();
  }

  async #choose() {
    const { status, chosenIndex } = this.#app;
    const [wanted, at] = [this.#wanted, this.#wantedAt];
    if (wanted === null || !status || wanted > status.end || wanted <= status.first) return;
    if (at !== null) {
      const [row] = await this.#app.capture.rows(wanted - 1, 1);
      // Meanwhile there may be news, and with them another to ask this: the first to hear goes on.
      if (this.#wanted !== wanted || this.#wantedAt !== at) return;
      if (!row || timeOf(row) !== at) {
        this.#wanted = null;
        this.#app.say(`Row ${grouped(wanted)} is another than the one this link leads to. ${OPEN}`, "warn");
        return;
      }
    }
    if (chosenIndex !== wanted - 1) this.#app.choose(wanted - 1);
    this.#wanted = null;
  }

  #soon() {
    this.#timer ??= setTimeout(() => this.#write(), EVERY);
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { view, chosenIndex } = this.#app;
    const row = this.#wanted ?? (chosenIndex === null ? null : chosenIndex + 1);
    const { chosen } = this.#app;
    const at =
      this.#wanted !== null ? this.#wantedAt : chosen?.index === chosenIndex ? timeOf(chosen.details.row) : null;
    const hash = hashOf({ view, row, at, sample: this.#app.sample });
    if (hash === location.hash) return;
    this.#written = hash;
    history.replaceState(null, "", location.pathname + location.search + hash);
  }
}

/** When it was complete, in nanoseconds since 1970. @param {Row} row */
function timeOf({ time: [seconds, nanoseconds] }) {
  return `${seconds}${String(nanoseconds).padStart(9, "0")}`;
}

/** @param {string | null} text */
function asCount(text) {
  return text !== null && /^\d{1,15}$/u.test(text) ? Number(text) : null;
}
