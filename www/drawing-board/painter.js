// @ts-check
// Keeps the drawing and paints it, a slice per animation frame. It works in a worker, where the whole history can be
// read and painted without the page standing still, and in the page itself where a worker has no canvas.

import { keyOf, Palette, Strokes } from "./strokes.js";

/** @import { BoardHeard } from "../lib/protocol.js" */
/** @import { Size, View } from "./geometry.js" */
/** @import { Marked } from "./strokes.js" */

/**
 * What the painter is told.
 *
 * @typedef {{ say: "view", box: Size, ratio: number, view: View }} SayView `box`: the window on the board in CSS pixels
 * @typedef {{ say: "mine", strokes: Marked[] }} SayMine the server does not have them yet
 * @typedef {{ say: "refused", keys: string[] }} SayRefused of mine: it will never have them
 * @typedef {{ say: "tails", strokes: Marked[] }} SayTails where the hands are: in place of the ones before
 * @typedef {{ say: "picture" }} SayPicture
 * @typedef {SayView | SayMine | SayRefused | SayTails | SayPicture} Told
 */

/**
 * What it tells.
 *
 * @typedef {{ say: "progress", done: number, count: number, extent: Size }} SayProgress strokes painted, strokes there are
 * @typedef {{ say: "saved", blob: Blob }} SaySaved
 * @typedef {{ say: "begun" }} SayBegun the server's drawing is here
 * @typedef {SayProgress | SaySaved | SayBegun} Tells
 */

/** @typedef {OffscreenCanvas | HTMLCanvasElement} Canvas */

/** How a message with the history begins, and what is in one with a stroke. */
const HISTORY = '{"messageType":"init_strokes"';
const DRAWING = '"drawing"';

/** How long a slice of painting may take, in milliseconds, and after how many strokes the clock is looked at. */
const SLICE = 8;
const BETWEEN_LOOKS = 512;

/** Pixels per unit of the board in a saved picture. */
const PICTURE_SCALE = 2;

/** No browser draws a canvas larger than this well. */
const PIXELS_MAX = 4096;

/** How long the view must stand still before it is painted anew, in milliseconds: until then what there is is shown in its place. */
const STILL = 100;

export class Painter {
  #canvas;
  #context;
  #make;
  #tell;
  #palette;
  #strokes;
  /** The window: `ratio` is device pixels per CSS pixel. */
  #window = { box: /** @type {Size} */ ({ width: 1, height: 1 }), ratio: 1, view: { scale: 1, x: 0, y: 0 } };
  /** @type {number | null} */
  #repaintAt = null;
  /** What the window shows. @type {Layer | null} */
  #front = null;
  /** What it will show once painted. @type {Layer | null} */
  #back = null;
  /** What is being saved. @type {Layer | null} */
  #picture = null;
  /** Drawn here and not in the drawing yet, by their keys; `place`: in the drawing, -1 while they have none. @type {Map<string, { stroke: Marked, place: number }>} */
  #mine = new Map();
  /** Those of them that the front layer does not show. @type {Strokes | null} */
  #over = null;
  /** @type {Marked[]} */
  #tails = [];
  #isDue = false;
  #told = "";

  /**
   * @param {Canvas} canvas
   * @param {() => Canvas} make another canvas, of any size
   * @param {(message: Tells) => void} tell
   */
  constructor(canvas, make, tell) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#make = make;
    this.#tell = tell;
    this.#palette = new Palette(contextOf(make()));
    this.#strokes = new Strokes(this.#palette);
  }

  /** @param {Told} message */
  hear(message) {
    switch (message.say) {
      case "view":
        this.#window = message;
        this.#repaintAt = this.#front ? performance.now() + STILL : 0;
        break;
      case "mine":
        for (const stroke of message.strokes) this.#expect(stroke);
        break;
      case "refused":
        for (const key of message.keys) this.#mine.delete(key);
        this.#over = null;
        break;
      case "tails":
        this.#tails = message.strokes;
        break;
      case "picture":
        this.#picture ??= this.#layer(this.#strokes.extent, 1, { scale: PICTURE_SCALE, x: 0, y: 0 }, PICTURE_SCALE);
        break;
    }
    this.#soon();
  }

  /**
   * Takes what the server says about the drawing, and leaves everything else.
   *
   * @param {string} text
   * @returns {boolean}
   */
  take(text) {
    // The server writes the tag of its own messages first; in a stroke it is where its sender put it.
    if (!text.startsWith(HISTORY) && !text.includes(DRAWING)) return false;
    const message = read(text);
    if (message?.messageType === "init_strokes") this.#begin(message.strokes);
    else if (message?.messageType === "drawing") this.#show(message);
    else return false;
    this.#soon();
    return true;
  }

  /** @param {Marked[]} strokes */
  #begin(strokes) {
    this.#strokes = new Strokes(this.#palette);
    for (const mine of this.#mine.values()) mine.place = -1;
    for (const stroke of strokes) this.#show(stroke);
    // A picture in the making goes on with the drawing it began.
    if (this.#front) this.#front.isOld = true;
    this.#repaint();
    this.#tell({ say: "begun" });
    // An empty drawing is news, too.
    this.#told = "";
  }

  /** @param {Marked} stroke */
  #show(stroke) {
    if (this.#mine.size > 0) {
      const mine = this.#mine.get(keyOf(stroke) ?? "");
      if (mine) mine.place = this.#strokes.count;
    }
    this.#strokes.add(stroke);
  }

  /** @param {Marked} stroke */
  #expect(stroke) {
    const key = keyOf(stroke);
    if (key === null || this.#mine.has(key)) return;
    this.#mine.set(key, { stroke, place: -1 });
    this.#over?.add(stroke);
  }

  /** A new layer for the window as it now is; until it is done, the one before is shown as if it fitted. */
  #repaint() {
    this.#repaintAt = null;
    const { box, ratio, view } = this.#window;
    const scale = Math.min(ratio, PIXELS_MAX / Math.max(box.width, box.height, 1));
    this.#back = this.#layer(box, scale, view);
    this.#front ??= this.#back;
  }

  /**
   * @param {Size} box
   * @param {number} ratio
   * @param {View} view
   * @param {number} [scale]
   */
  #layer(box, ratio, view, scale = ratio) {
    const canvas = this.#make();
    canvas.width = Math.max(Math.round(box.width * scale), 1);
    canvas.height = Math.max(Math.round(box.height * scale), 1);
    return new Layer(canvas, this.#strokes, ratio, view);
  }

  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#frame();
    });
  }

  #frame() {
    const now = performance.now();
    if (this.#repaintAt !== null && now >= this.#repaintAt) this.#repaint();
    if (!this.#front) return;
    const until = now + SLICE;
    // First what is being looked at: other people's hands should not wait for a new view.
    const isFrontDone = this.#front.isOld || this.#front.paint(until);
    if (this.#back?.paint(until)) {
      this.#front = this.#back;
      this.#back = null;
      this.#over = null;
    }
    this.#forgetShown();
    this.#compose();
    this.#report();
    const isPictureDone = !this.#picture || this.#picture.paint(until);
    if (this.#picture && isPictureDone) {
      void this.#save(this.#picture);
      this.#picture = null;
    }
    if (!isFrontDone || this.#back || !isPictureDone || this.#repaintAt !== null) this.#soon();
  }

  /** Of mine, what the front layer shows is on the board like everybody's. */
  #forgetShown() {
    const front = this.#front;
    if (!front || front.isOld) return;
    for (const [key, { place }] of this.#mine) {
      if (place < 0 || place >= front.done) continue;
      this.#mine.delete(key);
      this.#over = null;
    }
  }

  #compose() {
    const front = this.#front;
    if (!front) return;
    const { box, ratio, view } = this.#window;
    const context = this.#context;
    const width = Math.max(Math.round(box.width * ratio), 1);
    const height = Math.max(Math.round(box.height * ratio), 1);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.save();
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    context.beginPath();
    context.rect(0, 0, this.#strokes.extent.width, this.#strokes.extent.height);
    context.fillStyle = "#ffffff";
    context.fill();
    context.clip();
    front.copyTo(context, ratio, view);
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    this.#drawOver(context);
    context.restore();
  }

  /** @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context */
  #drawOver(context) {
    if (!this.#over) {
      this.#over = new Strokes(this.#palette);
      for (const { stroke } of this.#mine.values()) this.#over.add(stroke);
    }
    this.#over.draw(context, 0, this.#over.count);
    if (this.#tails.length === 0) return;
    const tails = new Strokes(this.#palette);
    for (const stroke of this.#tails) tails.add(stroke);
    tails.draw(context, 0, tails.count);
  }

  /** @param {Layer} layer */
  async #save(layer) {
    const { canvas, context } = layer;
    context.setTransform(PICTURE_SCALE, 0, 0, PICTURE_SCALE, 0, 0);
    this.#drawOver(context);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.#tell({ say: "saved", blob: await blobOf(canvas) });
  }

  #report() {
    const layer = this.#front?.isOld ? (this.#back ?? this.#front) : this.#front;
    const { count, extent } = this.#strokes;
    const done = Math.min(layer?.done ?? 0, count);
    const told = `${done} ${count} ${extent.width} ${extent.height}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#tell({ say: "progress", done, count, extent });
  }
}

/** The strokes as painted for one view. */
class Layer {
  canvas;
  context;
  /** How many are painted. */
  done = 0;
  /** The drawing was replaced by the server's since. */
  isOld = false;
  #strokes;
  #ratio;
  #view;

  /**
   * @param {Canvas} canvas
   * @param {Strokes} strokes
   * @param {number} ratio
   * @param {View} view
   */
  constructor(canvas, strokes, ratio, view) {
    this.canvas = canvas;
    this.context = contextOf(canvas);
    this.#strokes = strokes;
    this.#ratio = ratio;
    this.#view = view;
    this.context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  }

  /**
   * Paints what is not painted yet.
   *
   * @param {number} until when to stop
   * @returns {boolean} whether all is painted
   */
  paint(until) {
    const { count } = this.#strokes;
    // At least some each time: a frame that comes late still gets on.
    while (this.done < count) {
      const to = Math.min(this.done + BETWEEN_LOOKS, count);
      this.#strokes.draw(this.context, this.done, to);
      this.done = to;
      if (performance.now() >= until) break;
    }
    return this.done === count;
  }

  /**
   * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
   * @param {number} ratio
   * @param {View} view what is to be seen; this layer may have been painted for another
   */
  copyTo(context, ratio, view) {
    const scale = (ratio * view.scale) / (this.#ratio * this.#view.scale);
    const x = ratio * view.x - this.#ratio * this.#view.x * scale;
    const y = ratio * view.y - this.#ratio * this.#view.y * scale;
    context.setTransform(scale, 0, 0, scale, x, y);
    context.drawImage(this.canvas, 0, 0);
  }
}

/** @param {Canvas} canvas */
function contextOf(canvas) {
  // The cast: the two kinds of canvas have kinds of contexts that can do the same.
  const context = /** @type {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null} */ (
    canvas.getContext("2d")
  );
  if (!context) throw new Error("no canvas to paint on");
  return context;
}

/** @param {Canvas} canvas @returns {Promise<Blob>} */
function blobOf(canvas) {
  if (!("toBlob" in canvas)) return canvas.convertToBlob({ type: "image/png" });
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png");
  });
}

/** @param {string} text @returns {BoardHeard | null} */
function read(text) {
  try {
    // The cast: the server's word for what it sends; numbers and colours are looked at when they are kept.
    return /** @type {BoardHeard} */ (JSON.parse(text));
  } catch {
    return null;
  }
}
