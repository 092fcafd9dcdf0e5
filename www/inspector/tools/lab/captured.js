// @ts-check
// Frames out of the capture, to be sent again.

import { itemOf, newFrame, payloadFields } from "./frame.js";

/** @import { App, Row } from "../../app.js" */
/** @import { Frame, Item } from "./frame.js" */
/** @import { Modules } from "./modules.js" */

/** Rows asked for at once. */
const BATCH = 2000;

/** More than that are no selection to edit. */
export const FRAMES_MAX = 200;

/**
 * What of these rows can be sent, as it was. Frames of a compressed message stand for nothing without those before them,
 * so with `inflates` the message itself stands in their place, to be compressed anew.
 *
 * @param {App} app
 * @param {Modules} modules
 * @param {number[]} rows
 * @param {{ keepsKey: boolean, inflates: boolean }} how
 * @returns {Promise<{ items: Item[], notes: string[] }>}
 */
export async function itemsOfRows(app, modules, rows, { keepsKey, inflates }) {
  /** @type {Item[]} */
  const items = [];
  /** @type {Set<string>} */
  const notes = new Set();
  /** @type {Set<number>} */
  const told = new Set();
  for (const index of rows.slice(0, FRAMES_MAX)) {
    const details = await app.capture.frame(index);
    if (details?.row.kind !== "frame") {
      notes.add("Handshakes, gaps and ends are no frames.");
      continue;
    }
    const { row, message } = details;
    if (Number(details.payloadMissing) > 0) {
      notes.add(`No. ${index + 1} was not captured whole.`);
      continue;
    }
    if (message?.compressed) {
      if (inflates && message.whole) {
        if (told.has(message.lastRow)) continue;
        told.add(message.lastRow);
        const bytes = await app.capture.message(message.lastRow);
        if (bytes) {
          items.push(messageItem(message.kind === "binary" ? 2 : 1, bytes, true));
          continue;
        }
      }
      notes.add("Compressed frames as they were may refer to messages that the other end has not got.");
    }
    const wire = await app.capture.wire(index);
    if (wire) items.push(itemOf(wire, modules, { keepsKey: keepsKey && row.direction === "c2s", isMasked: true }));
  }
  if (rows.length > FRAMES_MAX) notes.add(`Only the first ${FRAMES_MAX} of ${rows.length} rows.`);
  return { items, notes: [...notes] };
}

/** A message in one frame. @param {number} opcode @param {Uint8Array<ArrayBuffer>} bytes @param {boolean} compress @returns {Frame} */
export function messageItem(opcode, bytes, compress) {
  return { ...newFrame(), opcode, compress, ...payloadFields(bytes, opcode) };
}

/**
 * Rows of one connection, in order, a batch at a time.
 *
 * @param {App} app
 * @param {number} connection
 * @param {number} from
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Row>}
 */
export async function* rowsOf(app, connection, from, signal) {
  let at = Math.max(from, app.status?.first ?? 0);
  while (!signal.aborted && at < (app.status?.end ?? 0)) {
    const end = Math.min(at + BATCH, app.status?.end ?? 0);
    const rows = await app.capture.rows(at, end - at);
    for (const row of rows) if (row.connection === connection) yield row;
    // There may be none among so many: those of a source that was removed are rows no more.
    at = Math.max(end, app.status?.first ?? 0);
  }
}

/** Words for an item, in a line. @param {Item} item */
export function itemWords(item) {
  if (item.type === "bytes") return "bytes";
  const names = [
    "continuation",
    "text",
    "binary",
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    "close",
    "ping",
    "pong",
  ];
  return names[item.opcode] ?? `opcode ${item.opcode}`;
}
