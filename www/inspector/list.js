// @ts-check
// A list that draws only the rows in sight, as tall as one likes.

import { el, on } from "../lib/dom.js";

/** Browsers stop at some 17 to 33 million pixels. Above this height scroll positions are scaled. */
const TALLEST = 8_000_000;

/** Rows drawn beyond either edge, so that a scroll shows something before we have heard of it. */
const OVERSCAN = 6;

/**
 * Rows of one height in a scroller. Positions are kept in unscaled pixels; in a list that is too tall for
 * the browser a small movement still moves by as many pixels as the hand did, while a drag of the
 * scrollbar moves in proportion.
 */
export class VirtualList {
  #scroller;
  #space;
  #layer;
  #head;
  #rowHeight;
  #draw;
  #count = 0;
  #position = 0;
  /** The scroll position that we know of: what differs from it is the user's doing. */
  #seen = 0;
  #pixels = 24;
  #height = 0;
  /** @type {HTMLElement[]} */
  #pool = [];
  #isQueued = false;

  /** Called when the user, and not the program, scrolled. */
  onUserScroll = () => {};

  /** Called when there is more or less room than before. */
  onResize = () => {};

  /**
   * @param {HTMLElement} scroller
   * @param {object} options
   * @param {string} options.rowHeight the custom property that holds the height of a row
   * @param {HTMLElement} [options.head] what sticks to the top of the scroller, in front of the rows
   * @param {(row: HTMLElement, index: number) => void} options.draw fills a row, new or used before
   * @param {AbortSignal} options.signal
   */
  constructor(scroller, { rowHeight, head, draw, signal }) {
    this.#scroller = scroller;
    this.#rowHeight = rowHeight;
    this.#head = head;
    this.#draw = draw;
    this.#space = el("div", { class: "scroll-space", role: "presentation" });
    this.#layer = el("div", { class: "scroll-layer", role: "rowgroup" });
    scroller.append(this.#space, this.#layer);
    on(scroller, "scroll", () => this.#scrolled(), signal);
    on(scroller, "scrollend", () => this.#settle(), signal);
    const observer = new ResizeObserver(() => this.#measure());
    observer.observe(scroller);
    signal.addEventListener("abort", () => observer.disconnect());
    this.#measure();
  }

  /** How many rows there are. */
  get count() {
    return this.#count;
  }

  /** How many whole rows fit. */
  get page() {
    return Math.max(1, Math.floor(this.#height / this.#pixels));
  }

  /** Whether the last row is in sight. */
  get isAtEnd() {
    return this.#position >= this.#most - this.#pixels / 2;
  }

  /** The first and one past the last row to be drawn. */
  get range() {
    const first = Math.max(0, Math.floor(this.#position / this.#pixels) - OVERSCAN);
    const last = Math.min(this.#count, Math.ceil((this.#position + this.#height) / this.#pixels) + OVERSCAN);
    return { first, last: Math.max(first, last) };
  }

  /**
   * Sets how many rows there are.
   *
   * @param {number} count
   * @param {number} [droppedInFront] so many rows went from the front: what is in sight stays in sight
   */
  setCount(count, droppedInFront = 0) {
    if (count === this.#count && droppedInFront === 0) return;
    this.#count = count;
    this.#stretch();
    this.#moveTo(this.#position - droppedInFront * this.#pixels);
  }

  /** Shows the last row. */
  showEnd() {
    this.#moveTo(this.#most);
  }

  /** Shows the first row. */
  showStart() {
    this.#moveTo(0);
  }

  /**
   * Brings a row into sight with the least movement.
   *
   * @param {number} index
   */
  reveal(index) {
    const top = index * this.#pixels;
    if (top < this.#position) this.#moveTo(top);
    else if (top + this.#pixels > this.#position + this.#height) this.#moveTo(top + this.#pixels - this.#height);
  }

  /** Draws again, soon and once. */
  redraw() {
    if (this.#isQueued) return;
    this.#isQueued = true;
    requestAnimationFrame(() => {
      this.#isQueued = false;
      this.#drawNow();
    });
  }

  get #headHeight() {
    return this.#head?.offsetHeight ?? 0;
  }

  get #most() {
    return Math.max(0, this.#count * this.#pixels - this.#height);
  }

  get #spaceHeight() {
    return Math.min(TALLEST, this.#count * this.#pixels);
  }

  /** How far the scroller can be scrolled, which is less than `#most` where positions are scaled. */
  get #reach() {
    return Math.max(0, this.#spaceHeight - this.#height);
  }

  /** Takes note of how much room there is. @returns {boolean} whether that changed */
  #measure() {
    const pixels = Number.parseFloat(getComputedStyle(this.#scroller).getPropertyValue(this.#rowHeight)) || 24;
    const height = this.#scroller.clientHeight - this.#headHeight;
    if (pixels === this.#pixels && height === this.#height) return false;
    // A list that fits shows its end, too, but nobody went there.
    const wasAtEnd = this.#position > 0 && this.isAtEnd;
    const topRow = this.#position / this.#pixels;
    this.#pixels = pixels;
    this.#height = height;
    this.#stretch();
    this.#moveTo(wasAtEnd ? this.#most : topRow * pixels);
    this.onResize();
    return true;
  }

  #stretch() {
    this.#space.style.blockSize = `${this.#spaceHeight}px`;
  }

  #scrolled() {
    const now = this.#scroller.scrollTop;
    const moved = now - this.#seen;
    if (Math.abs(moved) < 1) return;
    // A list that got taller is scrolled by the browser, and we hear of that before we hear why.
    if (this.#measure()) return;
    this.#seen = now;
    const isScaled = this.#reach < this.#most;
    const isSmall = Math.abs(moved) <= 2 * this.#height;
    const target = !isScaled ? now : isSmall ? this.#position + moved : (now / this.#reach) * this.#most;
    this.#position = Math.min(Math.max(0, target), this.#most);
    this.#drawNow();
    this.onUserScroll();
  }

  /** After a scaled scroll came to rest: puts the scrollbar where the position says. */
  #settle() {
    if (this.#reach < this.#most) this.#moveTo(this.#position);
  }

  /** @param {number} position */
  #moveTo(position) {
    const most = this.#most;
    this.#position = Math.min(Math.max(0, position), most);
    const scrollTop = this.#reach < most ? (this.#position / most) * this.#reach : this.#position;
    if (Math.abs(scrollTop - this.#scroller.scrollTop) >= 1) this.#scroller.scrollTop = scrollTop;
    // Read back: browsers round it.
    this.#seen = this.#scroller.scrollTop;
    this.redraw();
  }

  #drawNow() {
    const { first, last } = this.range;
    while (this.#pool.length < last - first) {
      const row = el("div", {});
      this.#pool.push(row);
      this.#layer.append(row);
    }
    const top = this.#headHeight + this.#seen - (this.#position - first * this.#pixels);
    // Whole pixels: between them text blurs.
    this.#layer.style.transform = `translateY(${Math.round(top)}px)`;
    for (const [place, row] of this.#pool.entries()) {
      const isUsed = place < last - first;
      if (row.hidden === isUsed) row.hidden = !isUsed;
      if (isUsed) this.#draw(row, first + place);
    }
  }
}
