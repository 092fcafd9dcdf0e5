// @ts-check
// What moves the board: one finger or the mouse drags it, two fingers pinch it, the wheel zooms.

import { on } from "../lib/dom.js";

/** @import { Point } from "./geometry.js" */

/**
 * @typedef {object} Moves
 * @property {(x: number, y: number) => void} by in CSS pixels
 * @property {(factor: number, at: Point) => void} zoom `at` stays where it is, in CSS pixels of the canvas
 * @property {() => boolean} isMoving whether pointers move the board, and do not draw
 */

/** What a notch of the wheel multiplies with, and what a pixel of a trackpad's pinch. */
const NOTCH = 1.2;
const PINCH = 0.01;

const MIDDLE = 1;

/**
 * @param {HTMLElement} canvas
 * @param {Moves} moves
 * @param {AbortSignal} signal
 */
export function startGrip(canvas, moves, signal) {
  /** @type {Map<number, Point>} */
  const fingers = new Map();

  const place = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const down = (/** @type {PointerEvent} */ event) => {
    if (event.button !== MIDDLE && !(event.button === 0 && moves.isMoving())) return;
    event.preventDefault();
    fingers.set(event.pointerId, place(event));
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
  };

  const move = (/** @type {PointerEvent} */ event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    fingers.set(event.pointerId, now);
    const [other] = others;
    if (!other) {
      moves.by(now.x - before.x, now.y - before.y);
      return;
    }
    // Each finger moves the middle between the two by half its way, and their distance is the zoom.
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    moves.by((now.x - before.x) / 2, (now.y - before.y) / 2);
    const factor = distance(now, other) / Math.max(distance(before, other), 1);
    moves.zoom(factor, middle);
  };

  const up = (/** @type {PointerEvent} */ event) => {
    fingers.delete(event.pointerId);
  };

  const wheel = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    const isPinch = event.ctrlKey && event.deltaMode === WheelEvent.DOM_DELTA_PIXEL;
    const factor = isPinch ? Math.exp(-event.deltaY * PINCH) : NOTCH ** -Math.sign(event.deltaY);
    if (event.deltaY !== 0) moves.zoom(factor, place(event));
  };

  on(canvas, "pointerdown", down, signal);
  on(canvas, "pointermove", move, signal);
  on(canvas, "pointerup", up, signal);
  on(canvas, "pointercancel", up, signal);
  on(canvas, "lostpointercapture", up, signal);
  // Said outright: a wheel's listener that may prevent scrolling must not be passive.
  canvas.addEventListener("wheel", wheel, { passive: false, signal });
}

/** @param {Point} one @param {Point} other */
function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
