// @ts-check
// While frames are held, or are to be, the whole page says so: whoever forgets about it wonders why nothing moves.

import { el, on } from "../../../lib/dom.js";

/** @import { App } from "../../app.js" */
/** @import { Board } from "./board.js" */

export class Banner {
  #board;
  #text = el("span", { class: "intercept-banner-text" });
  #all = el("button", { class: "quiet", type: "button" }, "Forward all");
  #bar;
  #title = document.title;

  /** @param {App} app @param {Board} board */
  constructor(app, board) {
    this.#board = board;
    const show = el("button", { class: "quiet", type: "button" }, "Show");
    const stop = el("button", { class: "quiet", type: "button" }, "Stop");
    this.#bar = el(
      "div",
      { class: "intercept-banner", role: "status", hidden: true },
      this.#text,
      show,
      this.#all,
      stop,
    );
    document.querySelector("header.masthead")?.after(this.#bar);
    on(show, "click", () => void app.openTool("intercept"), app.signal);
    on(this.#all, "click", () => board.forwardAll(), app.signal);
    on(stop, "click", () => board.stop(), app.signal);
  }

  render() {
    const { isOn, held, filter } = this.#board;
    const count = held.size;
    this.#bar.hidden = !isOn && count === 0;
    this.#bar.dataset.held = String(count > 0);
    this.#all.disabled = count === 0;
    const which = filter === "" ? "every frame" : `frames with ${filter}`;
    const what = count === 0 ? "none is held" : `${count} ${count === 1 ? "is" : "are"} held`;
    const text = isOn ? `Intercepting ${which}: ${what}` : `Letting go: ${what}`;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    document.title = count > 0 ? `(${count} held) ${this.#title}` : this.#title;
  }
}
