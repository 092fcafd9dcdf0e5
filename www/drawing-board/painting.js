// @ts-check
// Finds the painter a place to work: a thread of its own where the browser can, else the page's.

import { Painter } from "./painter.js";

/** @import { Tells, Told } from "./painter.js" */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(message: Tells) => void} heard
 * @returns {(message: Told) => void}
 */
export function startPainter(canvas, heard) {
  if (!("transferControlToOffscreen" in canvas)) return startHere(canvas, heard);
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  // The cast: the worker sends nothing else.
  worker.onmessage = ({ data }) => heard(/** @type {Tells} */ (data));
  const offscreen = canvas.transferControlToOffscreen();
  worker.postMessage(offscreen, [offscreen]);
  return (message) => worker.postMessage(message);
}

/** @param {HTMLCanvasElement} canvas @param {(message: Tells) => void} heard */
function startHere(canvas, heard) {
  const painter = new Painter(canvas, () => document.createElement("canvas"), heard);
  return (/** @type {Told} */ message) => painter.hear(message);
}
