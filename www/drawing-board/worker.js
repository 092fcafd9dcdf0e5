// @ts-check
// The painter in a thread of its own.

import { Painter } from "./painter.js";

/** @import { Told } from "./painter.js" */

/** @type {Painter | undefined} */
let painter;

addEventListener("message", ({ data }) => {
  if (data instanceof OffscreenCanvas)
    painter = new Painter(
      data,
      () => new OffscreenCanvas(1, 1),
      (message) => postMessage(message),
    );
  // The cast: after the canvas comes nothing but what the painter is told.
  else painter?.hear(/** @type {Told} */ (data));
});
