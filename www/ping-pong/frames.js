// @ts-check
// A frame of ours or of the server's, bit by bit: what the inspector shows, by its own parts, of bytes that this page saw.

import { BytesView } from "../inspector/bytes.js";
import { FieldsView } from "../inspector/fields.js";
import { theModule } from "../lib/client-socket.js";
import { byId, setText } from "../lib/dom.js";

/** @import { Direction, Explained } from "../pkg/client/framescope_wasm.js" */
/** @import { Lit } from "../inspector/bytes.js" */

/** @import { Ping } from "./rally.js" */

/** Bytes in a row of the dump at the widths that this page has. */
const COLUMNS = 8;

class FrameView {
  #direction;
  #bytesRoot;
  #bytes;
  #fields;
  /** What the user chose in it. @type {Lit | null} */
  #picked = null;
  /** @type {Uint8Array | null} */
  #shown = null;

  /**
   * @param {string} id of its part of the page: `ID-bytes` and `ID-fields` are in it
   * @param {Direction} direction
   * @param {string} label
   * @param {() => void} picked the user chose something in it
   * @param {AbortSignal} signal
   */
  constructor(id, direction, label, picked, signal) {
    this.#direction = direction;
    const point = (/** @type {Lit | null} */ lit, /** @type {boolean} */ isPicked) => {
      if (isPicked) this.#picked = lit;
      const shown = lit ?? this.#picked;
      this.#bytes.light(shown, isPicked);
      this.#fields.light(shown, isPicked);
      if (isPicked) picked();
    };
    this.#bytesRoot = byId(`${id}-bytes`, HTMLElement);
    this.#bytes = new BytesView(this.#bytesRoot, { label, point, signal });
    this.#fields = new FieldsView(byId(`${id}-fields`, HTMLElement), {
      point,
      toRow: () => {},
      toBytes: () => this.#bytes.focus(),
      signal,
    });
  }

  /** @param {Uint8Array} frame one whole frame as it was on the wire */
  async show(frame) {
    if (this.#shown === frame) return;
    this.#shown = frame;
    const { explain } = await theModule();
    // The cast: the module's own answer. Control frames are never compressed.
    const [found] = /** @type {Explained[]} */ (JSON.parse(explain(this.#direction, null, frame)));
    if (!found || this.#shown !== frame) return;
    this.#picked = null;
    this.#bytesRoot.style.setProperty("--rows", String(Math.ceil(frame.length / COLUMNS)));
    const bad = found.violations.flatMap(({ bytes }) => (bytes ? [bytes] : []));
    this.#bytes.show(frame, found.fields, bad);
    this.#fields.show(found);
  }
}

/** A ping's frame and its pong's, side by side: the newest, until the user chooses one or something in one. */
export class FramesPane {
  #views;
  /** The ping that is held, if not the newest is followed. @type {Ping | null} */
  #held = null;
  /** @type {Ping | null} */
  #shown = null;

  /** @param {() => void} changed something was chosen, and what is shown is held @param {AbortSignal} signal */
  constructor(changed, signal) {
    const picked = () => {
      this.#held ??= this.#shown;
      changed();
    };
    this.#views = {
      ping: new FrameView("ping-frame", "c2s", "Bytes of the ping", picked, signal),
      pong: new FrameView("pong-frame", "s2c", "Bytes of the pong", picked, signal),
    };
  }

  /** Stays with this one; with `null` follows the newest again. @param {Ping | null} ping */
  hold(ping) {
    this.#held = ping?.ping ? ping : null;
  }

  /** @param {Ping[]} pings @param {boolean} canPing */
  render(pings, canPing) {
    // The newest whose answer is here, so that both stand side by side; else the newest that left.
    const shown =
      this.#held ?? pings.findLast(({ pong }) => pong !== null) ?? pings.findLast(({ ping }) => ping !== null);
    byId("frames", HTMLElement).hidden = !shown || !canPing;
    this.#shown = shown ?? null;
    if (!shown?.ping || !canPing) return;
    const { ping, pong, number } = shown;
    setText("frames-note", `of ping ${number}${this.#held ? "" : ", the newest"}`);
    byId("follow", HTMLElement).hidden = this.#held === null;
    setText("ping-frame-note", `${ping.length} bytes, from this page`);
    setText("pong-frame-note", pong ? `${pong.length} bytes, from the server` : "");
    byId("pong-frame", HTMLElement).dataset.state = pong ? "here" : shown.state;
    setText("pong-wait", pong ? "" : shown.state === "waiting" ? "It has not come yet." : "It never came.");
    void this.#views.ping.show(ping);
    if (pong) void this.#views.pong.show(pong);
  }
}

/**
 * What a whole frame is, as the codec says it.
 *
 * @param {Awaited<ReturnType<typeof theModule>>} module
 * @param {Direction} direction
 * @param {Uint8Array} frame
 * @returns {{ opcode: string, payload: string }} the payload unmasked, in hex
 */
export function readFrame({ dissect }, direction, frame) {
  const [text = "{}"] = dissect(direction, null, frame);
  // The cast: the codec's own words.
  const { header, payload } = /** @type {{ header?: { opcodeName: string }, payload?: string }} */ (JSON.parse(text));
  return { opcode: header?.opcodeName ?? "", payload: payload ?? "" };
}
