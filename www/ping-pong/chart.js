// @ts-check
// Round trips over time, as a line: the newest at the right, what was not answered as a cross.

/** @import { Ping } from "./rally.js" */

/** Pings in the picture. */
export const SHOWN = 60;

const HEIGHT = 180;
const ROOM = { top: 14, right: 10, bottom: 24, left: 52 };
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {SVGSVGElement} svg
 * @param {Ping[]} pings
 * @param {number | null} pointed the number of the ping that is pointed at
 */
export function drawChart(svg, pings, pointed) {
  const width = Math.max(240, svg.clientWidth);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const shown = pings.slice(-SHOWN);
  const trips = shown.flatMap(({ trip }) => (trip === null ? [] : [trip]));
  const ticks = ticksUpTo(Math.max(...trips, 0.01));
  const top = ticks.at(-1) ?? 1;
  const x = xOf(shown, width);
  const y = (/** @type {number} */ trip) => HEIGHT - ROOM.bottom - (trip / top) * (HEIGHT - ROOM.top - ROOM.bottom);
  const floor = y(0);
  /** @type {Element[]} */
  const parts = [];
  for (const tick of ticks) {
    parts.push(shape("line", { class: "chart-grid", x1: ROOM.left, x2: width - ROOM.right, y1: y(tick), y2: y(tick) }));
    parts.push(words(`${tickWords(tick)} ms`, { x: ROOM.left - 8, y: y(tick) + 4, "text-anchor": "end" }));
  }
  const answered = shown.filter(({ trip }) => trip !== null);
  const points = answered.map((ping) => `${x(ping.number)},${y(ping.trip ?? 0)}`);
  if (points.length > 1) parts.push(shape("polyline", { class: "chart-line", points: points.join(" ") }));
  for (const { number, trip, state } of shown) {
    const isPointed = number === pointed;
    if (isPointed)
      parts.push(shape("line", { class: "chart-pointer", x1: x(number), x2: x(number), y1: ROOM.top, y2: floor }));
    if (trip !== null)
      parts.push(shape("circle", { class: "chart-point", cx: x(number), cy: y(trip), r: isPointed ? 5 : 2.5 }));
    else if (state === "unanswered") parts.push(cross(x(number), floor - 6));
  }
  for (const number of new Set([shown[0]?.number, shown.at(-1)?.number]))
    if (number !== undefined) parts.push(words(`${number}`, { x: x(number), y: HEIGHT - 7, "text-anchor": "middle" }));
  svg.replaceChildren(...parts);
}

/**
 * The ping nearest to a place in the picture.
 *
 * @param {SVGSVGElement} svg
 * @param {Ping[]} pings
 * @param {number} clientX
 * @returns {Ping | undefined}
 */
export function pingAt(svg, pings, clientX) {
  const shown = pings.slice(-SHOWN);
  const box = svg.getBoundingClientRect();
  const width = Math.max(240, box.width);
  const at = ((clientX - box.left) / box.width) * width;
  const x = xOf(shown, width);
  const distance = (/** @type {Ping} */ { number }) => Math.abs(x(number) - at);
  return shown.toSorted((one, other) => distance(one) - distance(other))[0];
}

/** Places are kept for those to come, so that the first pings do not jump about. @param {Ping[]} shown @param {number} width */
function xOf(shown, width) {
  const first = shown[0]?.number ?? 1;
  const step = (width - ROOM.left - ROOM.right - 10) / (SHOWN - 1);
  return (/** @type {number} */ number) => ROOM.left + 5 + (number - first) * step;
}

/** Three to five round numbers from 0 to above `most`. @param {number} most */
function ticksUpTo(most) {
  const size = 10 ** Math.floor(Math.log10(most));
  const step = [0.25, 0.5, 1, 2.5].map((part) => part * size).find((part) => most / part <= 4) ?? 2.5 * size;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, place) => place * step);
}

/** @param {number} tick */
function tickWords(tick) {
  return String(Number(tick.toPrecision(3)));
}

/** @param {number} x @param {number} y */
function cross(x, y) {
  return shape("path", { class: "chart-cross", d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` });
}

/** @param {string} text @param {Record<string, string | number>} attributes */
function words(text, attributes) {
  const element = shape("text", { class: "chart-words", ...attributes });
  element.textContent = text;
  return element;
}

/** @param {string} kind @param {Record<string, string | number>} attributes */
function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
