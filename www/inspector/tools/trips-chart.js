// @ts-check
// Round trips over time: a point for each ping that was answered, a cross for each that was not. Who asked is told by
// the shape as well as by the colour.

/** @import { RoundTrip, Timeline } from "../../pkg/framescope_wasm.js" */
/** @import { Palette } from "./timeline-chart.js" */

import { span } from "./times.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Timeline} timeline whose range of time it is drawn over
 * @param {RoundTrip[]} trips
 * @param {{ palette: Palette, brush: [number, number] | null }} look
 */
export function drawTrips(canvas, timeline, trips, { palette, brush }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const whole = Math.max(1, timeline.to - timeline.from);
  const x = (/** @type {number} */ time) => 4 + ((time - timeline.from) / whole) * (width - 8);
  const most = Math.max(1, ...trips.map(({ ns }) => ns ?? 0));
  const floor = height - 8;
  const y = (/** @type {number} */ ns) => floor - (ns / most) * (floor - 14);
  if (brush) {
    context.fillStyle = palette.brush;
    context.globalAlpha = 0.16;
    context.fillRect(x(brush[0]), 0, Math.max(2, x(brush[1]) - x(brush[0])), height);
    context.globalAlpha = 1;
  }
  context.fillStyle = palette.axis;
  context.fillRect(0, floor, width, 1);
  if (trips.some(({ ns }) => ns !== null)) {
    context.font = palette.font;
    context.fillStyle = palette.words;
    context.fillText(span(most), 4, 11);
  }
  for (const { ns, at, by } of trips) {
    context.fillStyle = by === "client" ? palette.up : palette.down;
    context.strokeStyle = palette.flaw;
    if (ns === null) drawCross(context, x(at), floor - 6);
    else if (by === "client") context.fillRect(x(at) - 2, y(ns) - 2, 4, 4);
    else {
      context.beginPath();
      context.arc(x(at), y(ns), 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y */
function drawCross(context, x, y) {
  context.beginPath();
  context.moveTo(x - 3, y - 3);
  context.lineTo(x + 3, y + 3);
  context.moveTo(x + 3, y - 3);
  context.lineTo(x - 3, y + 3);
  context.stroke();
}
