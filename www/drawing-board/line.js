// @ts-check
// A hand's points made into a smooth line of straight segments. Pure.
//
// The line runs through the middles between neighbouring points and takes the points themselves as the
// controls of its curves. It is the sender that cuts the curves into segments, so that any page which can
// draw a segment shows the same smooth line.

/** @import { Point, Segment } from "./geometry.js" */

/** A curve that leaves its chord by less than this, in units of the board, is drawn as the chord. */
const FLAT = 0.1;

/** How long the segments of a curve are, about, and how many it has at most. */
const LENGTH = 5;
const MOST = 8;

/** Two ends this far apart make a dot; of no length at all, some browsers draw nothing. */
const DOT = 0.1;

export class Line {
  /** Where the segments handed out so far end. @type {Point} */
  #from;
  /** The newest point that counts. @type {Point} */
  #last;
  /** The newest point. @type {Point} */
  #tip;
  #least;
  #isDot = true;

  /**
   * @param {Point} at
   * @param {number} least points nearer to the last one than this are a hand's tremble
   */
  constructor(at, least) {
    this.#from = at;
    this.#last = at;
    this.#tip = at;
    this.#least = least;
  }

  /**
   * The hand moved.
   *
   * @param {Point} to
   * @returns {Segment[]} what is now certain
   */
  move(to) {
    this.#tip = to;
    if (Math.hypot(to.x - this.#last.x, to.y - this.#last.y) < this.#least) return [];
    const middle = { x: (this.#last.x + to.x) / 2, y: (this.#last.y + to.y) / 2 };
    const segments = curve(this.#from, this.#last, middle);
    this.#from = middle;
    this.#last = to;
    this.#isDot = false;
    return segments;
  }

  /** From what is certain to the hand: shown, not sent. */
  get tail() {
    return segment(this.#from, this.#tip);
  }

  /**
   * The hand was lifted.
   *
   * @returns {Segment[]} the rest
   */
  end() {
    if (this.#isDot) return [segment(this.#from, { x: this.#from.x + DOT, y: this.#from.y })];
    return [segment(this.#from, this.#tip)];
  }
}

/** @param {Point} from @param {Point} control @param {Point} to */
function curve(from, control, to) {
  // Half the way from the chord's middle to the control is where the curve is farthest out.
  const out = Math.hypot(control.x - (from.x + to.x) / 2, control.y - (from.y + to.y) / 2) / 2;
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const count = out < FLAT ? 1 : Math.min(Math.max(Math.ceil(length / LENGTH), 2), MOST);
  /** @type {Segment[]} */
  const segments = [];
  let start = from;
  for (let step = 1; step <= count; step++) {
    const t = step / count;
    const u = 1 - t;
    const end = {
      x: u * u * from.x + 2 * u * t * control.x + t * t * to.x,
      y: u * u * from.y + 2 * u * t * control.y + t * t * to.y,
    };
    segments.push(segment(start, end));
    start = end;
  }
  return segments;
}

/** @param {Point} start @param {Point} end @returns {Segment} */
function segment(start, end) {
  return { startX: start.x, startY: start.y, endX: end.x, endY: end.y };
}
