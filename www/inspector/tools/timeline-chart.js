// @ts-check
// The picture of a capture over time, on a canvas: what the client sent stands above the line, what the server sent
// hangs below it, and broken rules are marked at the bottom.

/** @import { Timeline } from "../../pkg/framescope_wasm.js" */

/** @typedef {"rows" | "bytes" | "largest"} Measure */

/**
 * @typedef {object} Palette
 * @property {string} up
 * @property {string} down
 * @property {string} axis
 * @property {string} words
 * @property {string} flaw
 * @property {string} brush
 * @property {string} font
 */

/** Pixels at the bottom for the marks of broken rules. */
const FLAWS = 7;

/**
 * How many buckets make a picture of this width: bars of three pixels and a gap of one.
 *
 * @param {number} width
 */
export function bucketsFor(width) {
  return Math.max(16, Math.min(600, Math.floor(width / 4)));
}

/** The colours and the font that this element has. @param {Element} element @returns {Palette} */
export function paletteOf(element) {
  const style = getComputedStyle(element);
  // A canvas knows no custom properties, and `light-dark()` has to be worked out by the browser first.
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(${name})`;
    element.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };
  return {
    up: colour("--field-payload-length"),
    down: colour("--field-mask"),
    axis: colour("--line-strong"),
    words: colour("--dim"),
    flaw: colour("--danger"),
    brush: colour("--accent"),
    font: `11px ${style.getPropertyValue("--sans") || "sans-serif"}`,
  };
}

const probe = document.createElement("i");

/**
 * Draws it, sharp on every screen.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Timeline} timeline
 * @param {object} look
 * @param {Measure} look.measure
 * @param {Palette} look.palette
 * @param {[number, number] | null} look.brush in nanoseconds since the earliest row
 * @param {number | null} look.pointed a bucket
 */
export function drawTimeline(canvas, timeline, { measure, palette, brush, pointed }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const [up, down] = seriesOf(timeline, measure);
  const most = Math.max(1, ...up, ...down);
  const middle = Math.round((height - FLAWS) / 2);
  const step = width / Math.max(1, up.length);
  const bar = Math.max(1, step - 1);
  if (brush) drawBrush(context, timeline, brush, palette, { width, height });
  if (pointed !== null) {
    context.globalAlpha = 0.18;
    context.fillStyle = palette.axis;
    context.fillRect(pointed * step, 0, step, height);
    context.globalAlpha = 1;
  }
  const drawBars = (/** @type {number[]} */ values, /** @type {string} */ colour, /** @type {1 | -1} */ way) => {
    context.fillStyle = colour;
    for (const [place, value] of values.entries()) {
      if (value === 0) continue;
      // What is there at all can be seen, however little it is beside the rest.
      const length = Math.max(1, (value / most) * (middle - 2));
      context.fillRect(place * step, way === 1 ? middle - length : middle + 1, bar, length);
    }
  };
  drawBars(up, palette.up, 1);
  drawBars(down, palette.down, -1);
  context.fillStyle = palette.axis;
  context.fillRect(0, middle, width, 1);
  context.fillStyle = palette.flaw;
  for (const [place, count] of timeline.violations.entries())
    if (count > 0) context.fillRect(place * step, height - 5, Math.max(2, bar), 5);
}

/**
 * The two rows of numbers that are drawn: from the client, from the server.
 *
 * @param {Timeline} timeline
 * @param {Measure} measure
 * @returns {[number[], number[]]}
 */
export function seriesOf(timeline, measure) {
  if (measure === "bytes") return timeline.bytes;
  return measure === "largest" ? timeline.largest : timeline.rows;
}

/**
 * The time at a place of the picture, and the place of a time, both as parts of a whole.
 *
 * @param {Timeline} timeline
 * @param {number} part 0 to 1
 */
export function timeAt(timeline, part) {
  return timeline.from + Math.min(1, Math.max(0, part)) * (timeline.to - timeline.from);
}

/** @param {Timeline} timeline @param {number} time */
function partOf(timeline, time) {
  const whole = timeline.to - timeline.from;
  return whole > 0 ? Math.min(1, Math.max(0, (time - timeline.from) / whole)) : 0;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Timeline} timeline
 * @param {[number, number]} brush
 * @param {Palette} palette
 * @param {{ width: number, height: number }} size
 */
function drawBrush(context, timeline, brush, palette, { width, height }) {
  const left = partOf(timeline, brush[0]) * width;
  const right = Math.max(left + 2, partOf(timeline, brush[1]) * width);
  context.fillStyle = palette.brush;
  context.globalAlpha = 0.16;
  context.fillRect(left, 0, right - left, height);
  context.globalAlpha = 1;
  context.fillRect(left, 0, 1, height);
  context.fillRect(right - 1, 0, 1, height);
}
