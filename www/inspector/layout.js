// @ts-check
// How the room is shared out: bars between the panes that pointer and keyboard move, sizes that are remembered, and on
// a narrow screen one pane at a time.

import { byId, on } from "../lib/dom.js";
import { asBoolean, asNumber, remember, remembered } from "./memory.js";

/** @import { Inspector } from "./inspector.js" */

/**
 * A bar between two panes.
 *
 * @typedef {object} Split
 * @property {string} id of the bar
 * @property {string} property the custom property with the size of the pane that it resizes, in percent
 * @property {"x" | "y"} axis
 * @property {1 | -1} grows 1 if that pane is before the bar, -1 if behind it
 * @property {number} usual
 * @property {[number, number]} range
 */

/** @type {Split[]} */
const SPLITS = [
  { id: "split-sources", property: "--share-sources", axis: "x", grows: 1, usual: 17, range: [10, 50] },
  { id: "split-dock", property: "--share-dock", axis: "y", grows: -1, usual: 52, range: [12, 88] },
  { id: "split-bytes", property: "--share-bytes", axis: "x", grows: -1, usual: 54, range: [15, 85] },
];

/** A key moves a bar by so many percent; with Shift by more. */
const STEP = 2;

/** The panes of a narrow screen. @typedef {"sources" | "frames" | "fields" | "bytes" | "tools"} Panel */

export class Layout {
  #app;
  #root = byId("layout", HTMLElement);
  #toggle = byId("sources-toggle", HTMLButtonElement);
  #sources = byId("pane-sources", HTMLElement);
  #narrow = matchMedia("(width < 760px)");
  #hasSources = remembered("sources-open", true, asBoolean);
  /** On a narrow screen the sources are a drawer, which is closed unless it is asked for. */
  #isDrawerOpen = false;

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    for (const split of SPLITS) this.#join(split);
    on(this.#toggle, "click", () => this.toggleSources(), app.signal);
    on(this.#narrow, "change", () => this.#render(), app.signal);
    for (const tab of document.querySelectorAll("[role=tab][data-panel]")) {
      // The cast: the tabs' values are these.
      if (tab instanceof HTMLElement)
        on(tab, "click", () => this.show(/** @type {Panel} */ (tab.dataset.panel)), app.signal);
    }
    on(
      this.#sources,
      "keydown",
      (event) => {
        if (event.key !== "Escape" || !this.#narrow.matches) return;
        event.stopPropagation();
        this.closeDrawer();
        this.#toggle.focus();
      },
      app.signal,
    );
    on(byId("drawer-shade", HTMLElement), "click", () => this.closeDrawer(), app.signal);
    this.#render();
  }

  get isNarrow() {
    return this.#narrow.matches;
  }

  /** On a narrow screen: which pane is to be seen. @param {Panel} panel */
  show(panel) {
    this.#root.dataset.panel = panel;
    for (const tab of document.querySelectorAll("[role=tab][data-panel]"))
      tab.setAttribute("aria-selected", String(tab instanceof HTMLElement && tab.dataset.panel === panel));
  }

  toggleSources() {
    if (this.#narrow.matches) this.#isDrawerOpen = !this.#isDrawerOpen;
    else {
      this.#hasSources = !this.#hasSources;
      remember("sources-open", this.#hasSources);
    }
    this.#render();
    this.#app.emit("sources");
    if (this.#narrow.matches && this.#isDrawerOpen) this.#sources.querySelector("button")?.focus();
  }

  closeDrawer() {
    this.#isDrawerOpen = false;
    this.#render();
  }

  #render() {
    const isOpen = this.#narrow.matches ? this.#isDrawerOpen : this.#hasSources;
    this.#root.dataset.sources = isOpen ? "open" : "closed";
    this.#sources.hidden = !isOpen;
    byId("split-sources", HTMLElement).hidden = !isOpen;
    byId("drawer-shade", HTMLElement).hidden = !(isOpen && this.#narrow.matches);
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
  }

  /** @param {Split} split */
  #join({ id, property, axis, grows, usual, range: [least, most] }) {
    const bar = byId(id, HTMLElement);
    const { signal } = this.#app;
    let share = remembered(id, usual, asNumber);
    const set = (/** @type {number} */ wanted) => {
      share = Math.min(Math.max(least, wanted), most);
      this.#root.style.setProperty(property, `${share}%`);
      bar.setAttribute("aria-valuenow", String(Math.round(share)));
    };
    bar.setAttribute("aria-valuemin", String(least));
    bar.setAttribute("aria-valuemax", String(most));
    set(share);
    const room = () => {
      const { width, height } = (bar.parentElement ?? this.#root).getBoundingClientRect();
      return Math.max(1, axis === "x" ? width : height);
    };
    on(
      bar,
      "pointerdown",
      (event) => {
        event.preventDefault();
        bar.setPointerCapture(event.pointerId);
        const from = axis === "x" ? event.clientX : event.clientY;
        const before = share;
        const moving = new AbortController();
        on(
          bar,
          "pointermove",
          (move) => {
            const moved = (axis === "x" ? move.clientX : move.clientY) - from;
            set(before + (grows * moved * 100) / room());
          },
          moving.signal,
        );
        on(
          bar,
          "lostpointercapture",
          () => {
            moving.abort();
            remember(id, share);
          },
          moving.signal,
        );
      },
      signal,
    );
    on(
      bar,
      "dblclick",
      () => {
        set(usual);
        remember(id, null);
      },
      signal,
    );
    on(
      bar,
      "keydown",
      (event) => {
        const step = (event.shiftKey ? 5 : 1) * STEP;
        const targets = new Map([
          [axis === "x" ? "ArrowLeft" : "ArrowUp", share - grows * step],
          [axis === "x" ? "ArrowRight" : "ArrowDown", share + grows * step],
          ["Home", grows > 0 ? least : most],
          ["End", grows > 0 ? most : least],
          ["Enter", usual],
        ]);
        const target = targets.get(event.key);
        if (target === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        set(target);
        remember(id, share);
      },
      signal,
    );
  }
}
