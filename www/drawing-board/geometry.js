// @ts-check
// The board's own space, and how a window looks at it. Pure.
//
// A unit is the pixel of the pages that draw on a plain canvas and send its coordinates as they are. Such a
// canvas is most often 800 by 600, so that is the board: what they see and what is seen here is the same
// picture. A page with a larger canvas makes the board grow to the right and downwards, up to `LARGEST`; what
// lies beyond is kept, but not shown.

/**
 * @typedef {{ width: number, height: number }} Size
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ startX: number, startY: number, endX: number, endY: number }} Segment
 * @typedef {{ scale: number, x: number, y: number }} View where the board's corner is in the window, in CSS pixels, and how large a unit
 */

/** @type {Size} */
export const BOARD = { width: 800, height: 600 };

/** @type {Size} */
export const LARGEST = { width: 1920, height: 1200 };

/** The board grows in steps, so that a line that runs out of it does not move everyone's view with each of its parts. */
const STEP = 80;

/** Room around a board that is shown whole, in CSS pixels. */
const MARGIN = 8;

const NEAREST = 16;

/**
 * How large the board is when something lies at `x`, `y`.
 *
 * @param {number} x
 * @param {number} y
 * @returns {Size}
 */
export function extentFor(x, y) {
  const grown = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) =>
    Math.min(Math.max(Math.ceil(value / STEP) * STEP, least), most);
  return { width: grown(x, BOARD.width, LARGEST.width), height: grown(y, BOARD.height, LARGEST.height) };
}

/**
 * The whole board in the middle of the window.
 *
 * @param {Size} extent
 * @param {Size} box
 * @returns {View}
 */
export function fitted(extent, box) {
  const width = Math.max(box.width - 2 * MARGIN, 1);
  const height = Math.max(box.height - 2 * MARGIN, 1);
  const scale = Math.min(width / extent.width, height / extent.height);
  return { scale, x: (box.width - extent.width * scale) / 2, y: (box.height - extent.height * scale) / 2 };
}

/**
 * Larger or smaller, with what is under `at` staying there.
 *
 * @param {View} view
 * @param {number} factor
 * @param {Point} at
 * @param {Size} extent
 * @param {Size} box
 * @returns {View}
 */
export function zoomed(view, factor, at, extent, box) {
  const least = fitted(extent, box).scale;
  const scale = Math.min(Math.max(view.scale * factor, least), Math.max(NEAREST, least));
  const change = scale / view.scale;
  return held({ scale, x: at.x - (at.x - view.x) * change, y: at.y - (at.y - view.y) * change }, extent, box);
}

/**
 * Moved, though never so far that the board is out of sight.
 *
 * @param {View} view
 * @param {number} x
 * @param {number} y
 * @param {Size} extent
 * @param {Size} box
 * @returns {View}
 */
export function moved(view, x, y, extent, box) {
  return held({ scale: view.scale, x: view.x + x, y: view.y + y }, extent, box);
}

/** @param {View} view @param {Size} extent @param {Size} box @returns {View} */
function held({ scale, x, y }, extent, box) {
  return { scale, x: along(x, extent.width * scale, box.width), y: along(y, extent.height * scale, box.height) };
}

/** A board smaller than the window is in its middle; a larger one leaves no more than the margin free. @param {number} from @param {number} length @param {number} room */
function along(from, length, room) {
  if (length + 2 * MARGIN <= room) return (room - length) / 2;
  return Math.min(Math.max(from, room - length - MARGIN), MARGIN);
}

/**
 * @param {View} view
 * @param {number} x in CSS pixels of the window
 * @param {number} y
 * @returns {Point} on the board
 */
export function onBoard(view, x, y) {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
}

/**
 * The part of a segment that lies on the board, if any does (Liang and Barsky).
 *
 * @template {Segment} T
 * @param {T} segment
 * @param {Size} extent
 * @returns {T | null}
 */
export function clipped(segment, extent) {
  const { startX, startY, endX, endY } = segment;
  const across = endX - startX;
  const down = endY - startY;
  let from = 0;
  let to = 1;
  for (const [step, room] of [
    [-across, startX],
    [across, extent.width - startX],
    [-down, startY],
    [down, extent.height - startY],
  ]) {
    if (step === undefined || room === undefined) continue;
    if (step === 0 && room < 0) return null;
    if (step < 0) from = Math.max(from, room / step);
    if (step > 0) to = Math.min(to, room / step);
  }
  if (from > to) return null;
  return {
    ...segment,
    startX: startX + across * from,
    startY: startY + down * from,
    endX: startX + across * to,
    endY: startY + down * to,
  };
}
