// @ts-check
// Strokes as the board keeps them: numbers in a row, because there can be a hundred thousand.

import { BOARD, extentFor, LARGEST } from "./geometry.js";

/** @import { Stroke } from "../lib/protocol.js" */
/** @import { Size } from "./geometry.js" */

/**
 * A stroke as our own pages send it. Others know nothing of the additions, which the server keeps and passes on.
 *
 * @typedef {Stroke & { width?: number, gesture?: string, part?: number }} Marked
 *   `width`: in units of the board; `gesture`, `part`: which movement of whose hand, and which segment of it
 */

/** How wide a stroke is that does not say. */
export const WIDTH = 2;
const THINNEST = 0.5;
const WIDEST = 64;

/** Beyond this nothing is on any board, and a canvas would not draw a line to infinity at all. */
const FAR = 1e6;

/** Two ends in one place make a dot; of no length at all, some browsers draw nothing. */
const DOT = 0.1;

/** Numbers per stroke: startX, startY, endX, endY, width, place of the colour. */
const NUMBERS = 6;

/** Segments that become one path: fewer calls, and yet no path that takes long to fill. */
const TOGETHER = 128;

/**
 * What tells a stroke of ours from all others.
 *
 * @param {Marked} stroke
 * @returns {string | null}
 */
export function keyOf({ gesture, part }) {
  return typeof gesture === "string" && typeof part === "number" ? `${gesture}/${part}` : null;
}

/** A growing list of strokes. */
export class Strokes {
  count = 0;
  /** How large a board must be to show them. @type {Size} */
  extent = BOARD;
  #palette;
  #numbers = new Float32Array(NUMBERS * 256);

  /** @param {Palette} palette */
  constructor(palette) {
    this.#palette = palette;
  }

  /** @param {Marked} stroke */
  add(stroke) {
    const at = this.count * NUMBERS;
    if (at === this.#numbers.length) {
      const longer = new Float32Array(at * 2);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    const numbers = this.#numbers;
    const startX = near(stroke.startX);
    const startY = near(stroke.startY);
    const endX = near(stroke.endX);
    const endY = near(stroke.endY);
    numbers[at] = startX;
    numbers[at + 1] = startY;
    numbers[at + 2] = startX === endX && startY === endY ? endX + DOT : endX;
    numbers[at + 3] = endY;
    numbers[at + 4] = widthOf(stroke);
    numbers[at + 5] = this.#palette.placeOf(stroke.color);
    this.count += 1;
    this.#grow(startX, startY);
    this.#grow(endX, endY);
  }

  /** What is on no canvas that anybody has makes no board grow. @param {number} x @param {number} y */
  #grow(x, y) {
    if (x <= this.extent.width && y <= this.extent.height) return;
    if (Math.min(x, y) < 0 || x > LARGEST.width || y > LARGEST.height) return;
    const { width, height } = extentFor(x, y);
    this.extent = { width: Math.max(width, this.extent.width), height: Math.max(height, this.extent.height) };
  }

  /**
   * Draws strokes `from` to `to`, in their order.
   *
   * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
   * @param {number} from
   * @param {number} to
   */
  draw(context, from, to) {
    const numbers = this.#numbers;
    const number = (/** @type {number} */ place) => numbers[place] ?? 0;
    context.lineCap = "round";
    context.lineJoin = "round";
    let stroke = from;
    while (stroke < to) {
      const width = number(stroke * NUMBERS + 4);
      const colour = number(stroke * NUMBERS + 5);
      const { name, isOpaque } = this.#palette.colour(colour);
      // What shines through shows where it lies over itself, so it may not depend on what shares a path.
      const most = Math.min(to, stroke + (isOpaque ? TOGETHER : 1));
      context.strokeStyle = name;
      context.lineWidth = width;
      context.beginPath();
      let endX = Number.NaN;
      let endY = Number.NaN;
      for (; stroke < most; stroke++) {
        const at = stroke * NUMBERS;
        if (number(at + 4) !== width || number(at + 5) !== colour) break;
        if (number(at) !== endX || number(at + 1) !== endY) context.moveTo(number(at), number(at + 1));
        endX = number(at + 2);
        endY = number(at + 3);
        context.lineTo(endX, endY);
      }
      context.stroke();
    }
  }
}

/** The colours in use, each once, as a canvas writes them. */
export class Palette {
  #context;
  /** @type {Map<string, number>} */
  #places = new Map();
  /** @type {{ name: string, isOpaque: boolean }[]} */
  #colours = [];

  /** @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context one that nobody draws with */
  constructor(context) {
    this.#context = context;
  }

  /** @param {string} color @returns {number} */
  placeOf(color) {
    const known = this.#places.get(color);
    if (known !== undefined) return known;
    // A colour that the canvas does not know leaves the one before.
    this.#context.strokeStyle = "#000000";
    this.#context.strokeStyle = String(color);
    const name = String(this.#context.strokeStyle);
    const isOpaque = name.startsWith("#") && name.length === 7;
    const place = this.#colours.push({ name, isOpaque }) - 1;
    this.#places.set(color, place);
    return place;
  }

  /** @param {number} place */
  colour(place) {
    return this.#colours[place] ?? { name: "#000000", isOpaque: true };
  }
}

/** @param {unknown} value */
function near(value) {
  return typeof value === "number" ? Math.min(Math.max(value, -FAR), FAR) : 0;
}

/** @param {Marked} stroke */
function widthOf({ width }) {
  if (typeof width !== "number" || !Number.isFinite(width)) return WIDTH;
  return Math.min(Math.max(width, THINNEST), WIDEST);
}
