// @ts-check
// The list of frames, or of messages: what is drawn of the view that the worker keeps, and how one moves in it.
//
// Places count from the first row that the view ever had, so that what is known of a place stays true when the oldest
// rows go; the first place still there is `#gone`.

import { byId, closestWith, grouped, on } from "../lib/dom.js";
import { drawRow } from "./frames.js";
import { VirtualList } from "./list.js";
import { Rows } from "./rows.js";

/** @import { Inspector } from "./inspector.js" */

export class FrameList {
  #app;
  #grid = byId("frames", HTMLElement);
  #newest = byId("newest", HTMLButtonElement);
  #pause = byId("pause", HTMLButtonElement);
  #rows;
  #list;
  /** Places that are no more. */
  #gone = 0;
  /** One past the last place of the view. */
  #end = 0;
  #generation = -1;
  /** While the list is held still: the first row, and its place, that is not shown. @type {{ row: number, place: number } | null} */
  #held = null;
  /** Whether the list goes on with what comes. */
  #isFollowing = true;
  /** Of the chosen row. @type {number | null} */
  #place = null;
  /** Whether that was brought into sight, and nobody scrolled since. */
  #isPlaceShown = false;
  /** Whether there were rows to paint. */
  #isPainted = false;
  /** The last row that was to be shown: answers about those before are late. */
  #sought = 0;
  /** Of those, the one whose row is being asked for: where the one chosen before stands is of no interest then. */
  #seeking = -1;
  /** Called when a row was chosen by hand. */
  onPicked = () => {};
  /** Called when the user goes from the list into the frame. */
  onEntered = () => {};

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    this.#rows = new Rows(
      (from, count) => this.#ask(from, count),
      () => this.#list.redraw(),
    );
    this.#list = new VirtualList(this.#grid, {
      rowHeight: "--row",
      head: byId("list-head", HTMLElement),
      draw: (element, at) =>
        drawRow(element, this.#rows.get(this.#gone + at), at, {
          timeMode: app.timeMode,
          layer: app.view.layer,
          chosen: app.chosenIndex,
          marked: app.marked,
        }),
      signal: app.signal,
    });
    this.#list.onUserScroll = () => {
      this.#isPlaceShown = false;
      this.#isFollowing = this.#list.isAtEnd;
      this.#renderNewest();
    };
    this.#list.onResize = () => {
      if (this.#isFollowing && !this.#held) this.#list.showEnd();
      else if (this.#isPlaceShown && this.#place !== null) this.#list.reveal(this.#place - this.#gone);
      this.#renderNewest();
    };
    app.on("status", () => this.#heard());
    app.on("view", () => this.#viewed());
    app.on("choosing", () => void this.#show(app.chosenIndex));
    app.on("chosen", () => this.#list.redraw());
    app.on("marked", () => this.#list.redraw());
    app.on("time", () => this.#list.redraw());
    on(this.#grid, "click", (event) => this.#clicked(event), app.signal);
    on(this.#grid, "keydown", (event) => this.#key(event), app.signal);
    on(this.#newest, "click", () => this.toNewest(), app.signal);
    on(this.#pause, "click", () => this.togglePause(), app.signal);
  }

  get isEmpty() {
    return this.#shownEnd === this.#gone;
  }

  get isHeld() {
    return this.#held !== null;
  }

  /** Whether a row is to be chosen as soon as it is known which one that is. */
  get #isSeeking() {
    return this.#seeking === this.#sought;
  }

  focus() {
    this.#grid.focus();
  }

  /** What comes next is to be read from its beginning. */
  stay() {
    this.#isFollowing = false;
    this.#renderNewest();
  }

  /** Goes to the last row, and on with what comes. */
  toNewest() {
    this.#isFollowing = true;
    this.#list.showEnd();
    this.#renderNewest();
    this.#grid.focus();
  }

  togglePause() {
    const { status } = this.#app;
    if (!status) return;
    this.#held = this.#held ? null : { row: status.end, place: this.#end };
    this.#count();
    if (!this.#held && this.#isFollowing) this.#list.showEnd();
    this.render();
  }

  /** Shows the first frame without choosing to stay there. @returns {Promise<boolean>} whether there was one */
  async chooseFirstFrame() {
    const { status, chosenIndex } = this.#app;
    if (!status || chosenIndex !== null) return chosenIndex !== null;
    const known = await this.#app.capture.rows(status.first, 8);
    const frame = known.find(({ kind }) => kind === "frame");
    if (!frame || this.#app.chosenIndex !== null || this.#isSeeking) return false;
    const isFollowing = this.#isFollowing;
    this.#app.choose(frame.index);
    this.#isFollowing = isFollowing;
    this.#renderNewest();
    return true;
  }

  /** Moves the choice by so many places. @param {number} step */
  async move(step) {
    const now = this.#place ?? (step < 0 ? this.#shownEnd : this.#gone - 1);
    await this.#chooseAt(now + step);
  }

  render() {
    const { status } = this.#app;
    this.#grid.setAttribute("aria-rowcount", String(this.#shownEnd - this.#gone + 1));
    this.#pause.setAttribute("aria-pressed", String(this.#held !== null));
    const behind = this.#held ? (status?.end ?? 0) - this.#held.row : 0;
    byId("paused", HTMLElement).textContent = this.#held ? `Held still; ${grouped(behind)} more behind it` : "";
    this.#renderNewest();
  }

  get #shownEnd() {
    return this.#held ? Math.min(this.#held.place, this.#end) : this.#end;
  }

  /** @param {number} from @param {number} count */
  async #ask(from, count) {
    const missing = Math.min(count, Math.max(0, this.#gone - from));
    const rows = await this.#app.capture.viewRows(from + missing - this.#gone, count - missing);
    if (rows.length > 0 && !this.#isPainted) {
      this.#isPainted = true;
      // Drawn with the next picture, and that painted before any timer.
      requestAnimationFrame(() => setTimeout(() => this.#app.link.painted()));
    }
    return [...Array.from({ length: missing }, () => undefined), ...rows];
  }

  #heard() {
    const { status } = this.#app;
    if (!status) return;
    const isOther = status.generation !== this.#generation;
    this.#generation = status.generation;
    const gone = status.view.first;
    const dropped = gone - this.#gone;
    this.#gone = gone;
    this.#end = gone + status.view.count;
    if (isOther || dropped < 0) this.#rows.outdate();
    this.#rows.refresh();
    this.#count(Math.max(0, dropped));
    if (!status.view.done || isOther) void this.#placeAgain(false);
    if (this.#isFollowing && !this.#held) this.#list.showEnd();
    this.#list.redraw();
    this.render();
  }

  /** Another view: other rows in other places. */
  #viewed() {
    this.#rows.clear();
    this.#list.redraw();
    void this.#placeAgain(true);
    byId("fragment-head", HTMLElement).textContent = this.#app.view.layer === "messages" ? "Frames" : "Fragment";
  }

  /** Finds the places anew of what stays chosen, or held. @param {boolean} isShown whether to bring it into sight */
  async #placeAgain(isShown) {
    const { capture, chosenIndex } = this.#app;
    const { row } = this.#held ?? {};
    if (row !== undefined) {
      const place = (await capture.viewPlace(row)) + this.#gone;
      if (this.#held?.row === row) this.#held.place = place;
      this.#count();
      this.render();
    }
    if (chosenIndex === null || this.#isSeeking) return;
    if (isShown) await this.#show(chosenIndex);
    else {
      const sought = this.#sought;
      const place = (await capture.viewPlace(chosenIndex)) + this.#gone;
      if (sought === this.#sought && this.#app.chosenIndex === chosenIndex) this.#place = place;
    }
  }

  #count(dropped = 0) {
    this.#list.setCount(this.#shownEnd - this.#gone, dropped);
  }

  /** Brings a row into sight. @param {number | null} index */
  async #show(index) {
    if (index === null) return;
    this.#sought += 1;
    const sought = this.#sought;
    const at = this.#app.isWholeView ? index - this.#gone : await this.#app.capture.viewPlace(index);
    if (sought !== this.#sought) return;
    const place = at + this.#gone;
    this.#place = place;
    this.#isPlaceShown = true;
    this.#isFollowing = this.#isFollowing && place >= this.#shownEnd - 1;
    this.#list.reveal(at);
    this.#list.redraw();
    this.#grid.setAttribute("aria-activedescendant", `row-${index}`);
    this.#renderNewest();
  }

  /** @param {number} wanted */
  async #chooseAt(wanted) {
    const place = Math.min(Math.max(this.#gone, wanted), this.#shownEnd - 1);
    if (place < this.#gone) return;
    this.#place = place;
    this.#sought += 1;
    const sought = this.#sought;
    const known = this.#rows.get(place)?.index;
    if (known === undefined) this.#seeking = sought;
    const index = known ?? (await this.#app.capture.viewIndex(place - this.#gone));
    if (sought !== this.#sought) return;
    this.#seeking = -1;
    if (index !== undefined) this.#app.choose(index);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const row = closestWith(event, "data-index");
    if (!row) return;
    const message = closestWith(event, "data-message");
    this.#app.choose(Number(message?.dataset.message ?? row.dataset.index));
    this.#grid.focus({ preventScroll: true });
    this.onPicked();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.isEmpty) return;
    const steps = new Map([
      ["ArrowUp", () => this.move(-1)],
      ["ArrowDown", () => this.move(1)],
      ["PageUp", () => this.move(-this.#list.page)],
      ["PageDown", () => this.move(this.#list.page)],
      ["Home", () => this.#chooseAt(this.#gone)],
      ["End", () => this.#toEnd()],
    ]);
    const step = steps.get(event.key);
    if (step) {
      event.preventDefault();
      void step();
    } else if (event.key === "Enter" && this.#app.chosen) {
      event.preventDefault();
      this.onEntered();
    }
  }

  async #toEnd() {
    this.#isFollowing = true;
    await this.#chooseAt(this.#shownEnd - 1);
  }

  #renderNewest() {
    // Where nothing more can come, the last row is no newer than the others.
    const goesOn = this.#app.sources.some(({ rows, done }) => rows > 0 && !done);
    this.#newest.hidden = this.#isFollowing || this.#list.isAtEnd || this.isEmpty || !goesOn;
  }
}
