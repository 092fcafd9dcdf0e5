// @ts-check
// What draws: mice, pens, any number of fingers, and the keyboard. Each movement becomes a line of segments, handed on
// once per animation frame.

import { on } from "../lib/dom.js";
import { clipped, onBoard } from "./geometry.js";
import { Line } from "./line.js";

/** @import { Point, Segment, Size, View } from "./geometry.js" */
/** @import { Marked } from "./strokes.js" */

/**
 * What the hands need to know, and whom they tell.
 *
 * @typedef {object} Desk
 * @property {() => View} view
 * @property {() => Size} extent
 * @property {() => { color: string, width: number }} pen
 * @property {() => boolean} isDrawing whether pointers draw, and not move the board
 * @property {(strokes: Marked[]) => void} drawn
 * @property {(strokes: Marked[]) => void} tails lines from what was drawn to where the hands are
 * @property {(at: Point | null, isDown: boolean) => void} cursor where the keyboard's hand is, on the board
 */

/**
 * @typedef {object} Hand
 * @property {Line} line
 * @property {string} gesture
 * @property {number} part
 * @property {string} color
 * @property {number} width
 * @property {number} pressure what the width is multiplied with
 * @property {Segment[]} ready
 */

/** A contact wider than this is no finger, in CSS pixels. */
const PALM = 60;
/** Where there was a pen so recently, a touch is the hand that holds it, in milliseconds. */
const PEN_LINGERS = 700;
/** Points nearer to each other than this tell nothing, in CSS pixels. */
const LEAST = 1.5;

/** How far a key moves the keyboard's hand, on the board; with shift. */
const STEP = 10;
const FINE_STEP = 1;

/** @type {Record<string, [number, number] | undefined>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What the keyboard's hand is filed under; pointers have numbers. */
const KEYBOARD = "keyboard";

/** Different for each page, so that no two hands' gestures are called the same. */
const SESSION = [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(36)).join("");

export class Hands {
  #canvas;
  #desk;
  /** @type {Map<number | string, Hand>} */
  #hands = new Map();
  /** Lines of hands that were lifted since the last frame. @type {Hand[]} */
  #lifted = [];
  #gestures = 0;
  #isDue = false;
  #hadTails = false;
  #penAt = Number.NEGATIVE_INFINITY;
  /** Where the keyboard's hand is. @type {Point | null} */
  #cursor = null;

  /**
   * @param {HTMLElement} canvas
   * @param {Desk} desk
   * @param {AbortSignal} signal
   */
  constructor(canvas, desk, signal) {
    this.#canvas = canvas;
    this.#desk = desk;
    on(canvas, "pointerdown", (event) => this.#down(event), signal);
    on(canvas, "pointermove", (event) => this.#move(event), signal);
    for (const type of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]))
      on(canvas, type, (event) => this.#up(event), signal);
    // A finger that rests is no question for a menu.
    on(canvas, "contextmenu", (event) => this.#hands.size > 0 && event.preventDefault(), signal);
    on(canvas, "keydown", (event) => this.#key(event), signal);
    on(canvas, "keyup", (event) => event.key === " " && this.#lift(KEYBOARD), signal);
    on(canvas, "focus", () => canvas.matches(":focus-visible") && this.#showCursor(), signal);
    on(canvas, "blur", () => this.#hideCursor(), signal);
  }

  /** Ends all lines, and hands on what there is. */
  liftAll() {
    for (const id of [...this.#hands.keys()]) this.#lift(id);
    this.#flush();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || !this.#desk.isDrawing() || this.#isPalm(event)) return;
    this.#hideCursor();
    try {
      this.#canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already: then its line ends with its next event, or is a dot.
    }
    const box = this.#canvas.getBoundingClientRect();
    this.#begin(event.pointerId, this.#place(event, box), pressureOf(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
    const hand = this.#hands.get(event.pointerId);
    if (!hand) return;
    // All the points that the hand came by since the last frame, where the browser tells.
    const passed = event.getCoalescedEvents?.() ?? [];
    const box = this.#canvas.getBoundingClientRect();
    for (const point of passed.length > 0 ? passed : [event]) {
      hand.pressure = pressureOf(point);
      this.#lead(hand, this.#place(point, box));
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const hand = this.#hands.get(event.pointerId);
    if (!hand) return;
    if (event.type === "pointerup") this.#lead(hand, this.#place(event, this.#canvas.getBoundingClientRect()));
    this.#lift(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #isPalm(event) {
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
    if (event.pointerType !== "touch") return false;
    return event.timeStamp - this.#penAt < PEN_LINGERS || Math.max(event.width, event.height) > PALM;
  }

  /** @param {PointerEvent} event @param {DOMRect} box */
  #place({ clientX, clientY }, box) {
    return onBoard(this.#desk.view(), clientX - box.left, clientY - box.top);
  }

  /** @param {number | string} id @param {Point} at @param {number} pressure */
  #begin(id, at, pressure) {
    this.#lift(id);
    const { color, width } = this.#desk.pen();
    this.#gestures += 1;
    const least = id === KEYBOARD ? 0 : LEAST / this.#desk.view().scale;
    const gesture = `${SESSION}.${this.#gestures}`;
    this.#hands.set(id, { line: new Line(at, least), gesture, part: 0, color, width, pressure, ready: [] });
    this.#soon();
  }

  /** @param {Hand} hand @param {Point} to */
  #lead(hand, to) {
    hand.ready.push(...hand.line.move(to));
    this.#soon();
  }

  /** @param {number | string} id */
  #lift(id) {
    const hand = this.#hands.get(id);
    if (!hand) return;
    this.#hands.delete(id);
    hand.ready.push(...hand.line.end());
    this.#lifted.push(hand);
    if (id === KEYBOARD) this.#desk.cursor(this.#cursor, false);
    this.#soon();
  }

  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#isDue = false;
    const strokes = [...this.#lifted, ...this.#hands.values()].flatMap((hand) => this.#strokesOf(hand));
    this.#lifted = [];
    if (strokes.length > 0) this.#desk.drawn(strokes);
    const tails = [...this.#hands.values()].map((hand) => this.#stroke(hand, hand.line.tail));
    if (tails.length > 0 || this.#hadTails) this.#desk.tails(tails);
    this.#hadTails = tails.length > 0;
  }

  /** @param {Hand} hand */
  #strokesOf(hand) {
    /** @type {Marked[]} */
    const strokes = [];
    for (const whole of hand.ready) {
      const segment = clipped(whole, this.#desk.extent());
      if (segment) strokes.push(this.#stroke(hand, segment));
    }
    hand.ready = [];
    for (const stroke of strokes) {
      stroke.gesture = hand.gesture;
      stroke.part = hand.part;
      hand.part += 1;
    }
    return strokes;
  }

  /** @param {Hand} hand @param {Segment} segment @returns {Marked} */
  #stroke({ color, width, pressure }, { startX, startY, endX, endY }) {
    return {
      startX: rounded(startX),
      startY: rounded(startY),
      endX: rounded(endX),
      endY: rounded(endY),
      color,
      width: Math.max(Math.round(width * pressure * 2) / 2, 0.5),
    };
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.#walk(arrow, event.shiftKey ? FINE_STEP : STEP);
    else if (event.key === " ") this.#lower();
    else if (event.key === "Enter") this.#toggle(event.repeat);
    else if (event.key === "Escape" && this.#hands.has(KEYBOARD)) this.#lift(KEYBOARD);
    else return;
    event.preventDefault();
  }

  /** @param {[number, number]} direction @param {number} step */
  #walk([across, down], step) {
    const from = this.#showCursor();
    const { width, height } = this.#desk.extent();
    const to = {
      x: Math.min(Math.max(from.x + across * step, 0), width),
      y: Math.min(Math.max(from.y + down * step, 0), height),
    };
    this.#cursor = to;
    const hand = this.#hands.get(KEYBOARD);
    if (hand) this.#lead(hand, to);
    this.#desk.cursor(to, hand !== undefined);
  }

  #lower() {
    if (this.#hands.has(KEYBOARD)) return;
    const at = this.#showCursor();
    this.#begin(KEYBOARD, at, 1);
    this.#desk.cursor(at, true);
  }

  /** @param {boolean} isRepeat */
  #toggle(isRepeat) {
    if (isRepeat) return;
    if (this.#hands.has(KEYBOARD)) this.#lift(KEYBOARD);
    else this.#lower();
  }

  /** @returns {Point} */
  #showCursor() {
    const { width, height } = this.#desk.extent();
    this.#cursor ??= { x: width / 2, y: height / 2 };
    this.#desk.cursor(this.#cursor, this.#hands.has(KEYBOARD));
    return this.#cursor;
  }

  #hideCursor() {
    this.#lift(KEYBOARD);
    this.#desk.cursor(null, false);
  }
}

/** How a pen's pressure widens its line; other pointers have none worth the name. @param {PointerEvent} event */
function pressureOf({ pointerType, pressure }) {
  return pointerType === "pen" ? 0.4 + 1.2 * pressure : 1;
}

/** Hundredths: finer than any screen, and short to write. @param {number} value */
function rounded(value) {
  return Math.round(value * 100) / 100;
}
