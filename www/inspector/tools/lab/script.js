// @ts-check
// A captured conversation as a script: what the client said and when, and what the server answered.

import { textOf, toHex } from "./bytes.js";
import { rowsOf } from "./captured.js";
import { itemOf, make, newBeside } from "./frame.js";

/** @import { App, ConnectionInfo, Row } from "../../app.js" */
/** @import { Bytes } from "./bytes.js" */
/** @import { Item } from "./frame.js" */
/** @import { Modules } from "./modules.js" */

/**
 * @typedef {object} Answer
 * @property {"text" | "binary" | "pong" | "close"} kind
 * @property {Bytes} bytes inflated
 * @property {number | null} row where it was captured
 */

/**
 * One thing that the client said: a frame as it was, or a compressed message as it was meant.
 *
 * @typedef {object} Step
 * @property {Row} row
 * @property {number} at milliseconds since the connection was open
 * @property {number} answersBefore how many answers had come before it
 * @property {Item | null} item the frame
 * @property {{ opcode: number, bytes: Bytes } | null} message
 */

/**
 * @typedef {object} Script
 * @property {string} path
 * @property {string} protocols
 * @property {string} extensions
 * @property {string[]} headers
 * @property {Step[]} steps
 * @property {Answer[]} answers
 * @property {string[]} notes what cannot be as it was
 */

/** A conversation that is longer is cut, and that is said. */
const STEPS_MAX = 20_000;

/** Headers that a replay writes itself. */
const OWN = [
  "host",
  "upgrade",
  "connection",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
];

/**
 * @param {App} app
 * @param {Modules} modules
 * @param {ConnectionInfo} info
 * @param {AbortSignal} signal
 * @returns {Promise<Script>}
 */
export async function readScript(app, modules, info, signal) {
  /** @type {Script} */
  const script = {
    path: info.target || "/",
    protocols: "",
    extensions: "",
    headers: [],
    steps: [],
    answers: [],
    notes: [],
  };
  let opened = Number.NaN;
  let left = info.rows;
  let pongs = 0;
  for await (const row of rowsOf(app, info.connection, info.firstRow, signal)) {
    left -= 1;
    if (script.steps.length + script.answers.length >= STEPS_MAX) {
      script.notes.push(`Only the first ${STEPS_MAX} frames.`);
      break;
    }
    const time = row.time[0] * 1000 + row.time[1] / 1e6;
    if (row.kind === "handshake") {
      if (row.direction === "c2s") await readRequest(app, row, script);
      opened = time;
    } else if (row.kind === "gap") script.notes.push(`Bytes are missing at no. ${row.index + 1}.`);
    else if (row.kind === "frame" && row.direction === "s2c") await readAnswer(app, row, script);
    else if (row.kind === "frame" && row.name === "pong") pongs += 1;
    else if (row.kind === "frame") {
      if (Number.isNaN(opened)) opened = time;
      await readStep(app, modules, row, time - opened, script);
    }
    if (left <= 0) break;
  }
  if (pongs > 0) script.notes.push(`${pongs} of the client’s pongs are left out: pings are answered as they come.`);
  return script;
}

/** @param {App} app @param {Row} row @param {Script} script */
async function readRequest(app, row, script) {
  const head = new TextDecoder().decode((await app.capture.wire(row.index)) ?? new Uint8Array());
  const [start = "", ...lines] = head.split(/\r?\n/);
  script.path = start.split(" ")[1] ?? script.path;
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    const known = name.toLowerCase();
    if (known === "sec-websocket-protocol") script.protocols = value;
    if (known === "sec-websocket-extensions") script.extensions = value;
    if (name === "" || OWN.includes(known)) continue;
    // The tap starred it out, or it names a page that the target has never heard of.
    if (/^[* ]+$/.test(value)) script.notes.push(`${name} was not captured, and is left out.`);
    else if (known === "origin") script.notes.push(`Origin: ${value} is left out.`);
    else script.headers.push(line);
  }
}

/** @param {App} app @param {Row} row @param {Script} script */
async function readAnswer(app, row, script) {
  const kind = row.name;
  if (kind === "ping") return;
  if (kind === "pong" || kind === "close") {
    script.answers.push({ kind, bytes: (await app.capture.message(row.index)) ?? new Uint8Array(), row: row.index });
    return;
  }
  const isLast = row.fragment === null || row.fragment.lastRow === row.index;
  if (!isLast) return;
  const message = (await app.capture.frame(row.index))?.message;
  if (message?.kind !== "text" && message?.kind !== "binary") return;
  if (!message.whole) script.notes.push(`The message at no. ${row.index + 1} was not captured whole.`);
  const bytes = (await app.capture.message(row.index)) ?? new Uint8Array();
  script.answers.push({ kind: message.kind, bytes, row: row.index });
}

/** @param {App} app @param {Modules} modules @param {Row} row @param {number} at @param {Script} script */
async function readStep(app, modules, row, at, script) {
  const base = { row, at: Math.max(0, at), answersBefore: script.answers.length };
  const details = await app.capture.frame(row.index);
  const message = details?.message;
  if (Number(details?.payloadMissing ?? 0) > 0) {
    script.notes.push(`No. ${row.index + 1} was not captured whole, and is left out.`);
    return;
  }
  if (message?.compressed) {
    // Its fragments refer to what was sent before: the message goes out whole, compressed anew.
    if (row.fragment !== null && row.fragment.lastRow !== row.index) return;
    const bytes = await app.capture.message(row.index);
    if (bytes)
      script.steps.push({ ...base, item: null, message: { opcode: message.kind === "binary" ? 2 : 1, bytes } });
    return;
  }
  const wire = await app.capture.wire(row.index);
  if (wire) script.steps.push({ ...base, item: itemOf(wire, modules), message: null });
}

/**
 * The bytes of a step, as they are sent now.
 *
 * @param {Step} step
 * @param {Modules} modules
 * @param {{ keepsKeys: boolean, windowBits: number | null }} how
 */
export function stepBytes({ item, message }, modules, { keepsKeys, windowBits }) {
  const anew = {
    type: /** @type {const} */ ("frame"),
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    masked: true,
    key: "",
    lengthAs: /** @type {const} */ ("minimal"),
    length: "",
    code: "",
    reason: "",
    pause: "0",
  };
  const made = message
    ? {
        ...anew,
        opcode: message.opcode,
        compress: windowBits !== null,
        payloadAs: /** @type {const} */ ("file"),
        payload: "",
      }
    : item;
  if (!made) return new Uint8Array();
  if (made.type === "frame" && !keepsKeys) made.key = "";
  const beside = newBeside();
  if (message) beside.file = { name: "", bytes: message.bytes };
  return make(made, beside, modules, windowBits).bytes;
}

/** Words for what was said. @param {Answer} answer */
export function answerText({ kind, bytes }) {
  if (kind === "close") {
    const code = bytes.length >= 2 ? ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0) : "no code";
    return `${code} ${textOf(bytes.subarray(2)) ?? toHex(bytes.subarray(2), " ")}`.trim();
  }
  return textOf(bytes) ?? toHex(bytes.subarray(0, 200), " ");
}
