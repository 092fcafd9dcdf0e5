// A capture as three programs read it: ours, Wireshark, and Python's `websockets`.
//
// Environment: FRAMESCOPE_PYTHON, a Python with the package websockets; FRAMESCOPE_PROGRAM, as for the browser tests.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { program } from "../browser/support.mjs";

const run = promisify(execFile);
const PYTHON = process.env.FRAMESCOPE_PYTHON ?? "python3";
const JUDGE = fileURLToPath(new URL("judge.py", import.meta.url));
const MOST = 1 << 30;

/**
 * One frame, as all can tell it.
 *
 * @typedef {object} Frame
 * @property {number} fin
 * @property {number} rsv
 * @property {number} opcode
 * @property {number} mask
 * @property {string | null} key
 * @property {number} length as announced
 * @property {string | null} payload in hex, unmasked, not inflated; null where it is not shown
 */

/**
 * A message, or a control frame's content.
 *
 * @typedef {{ kind: string, hex?: string, code?: number | null, reason?: string }} Message
 */

/** @typedef {"c2s" | "s2c"} Direction */

/** What `framescope decode` prints, also of a file of which it cannot read all. @param {string} file */
export async function decoded(file) {
  const { stdout } = await run(program(), ["decode", file], { maxBuffer: MOST }).catch((error) => {
    if (error.code === 1) return error;
    throw error;
  });
  return stdout;
}

/** The same as objects. @param {string} file */
export async function lines(file) {
  const text = await decoded(file);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/**
 * What we read: by stream and direction, the frames, and the messages in the order in which they were complete.
 *
 * @param {object[]} lines
 */
export function ours(lines) {
  const streams = new Map();
  let places = 0;
  for (const line of lines) {
    if (line.stream === undefined) continue;
    const stream = streams.get(line.stream) ?? { c2s: side(), s2c: side() };
    streams.set(line.stream, stream);
    const { frames, messages, events } = stream[line.dir];
    if (line.event) {
      events.push(line);
      continue;
    }
    const { fin, rsv, opcode, mask, masking_key: key, payload_length: length, payload, violations, message } = line;
    const rules = violations.map(({ rule }) => rule);
    frames.push({
      place: places++,
      fin,
      rsv,
      opcode,
      mask,
      key,
      length,
      payload,
      violations,
      rules,
      code: violations[0]?.close_code ?? null,
      message,
    });
    if (!message) continue;
    const { kind, hex, close_code: code = null, reason } = message;
    messages.push(kind === "close" ? { kind, code: code ?? 1005, reason } : { kind, hex });
  }
  return streams;
}

const side = () => ({ frames: [], messages: [], events: [] });

/** What nobody's capture should need: segments that are out of order are put in order. */
const AT_ITS_BEST = ["-o", "tcp.reassemble_out_of_order:TRUE"];

/**
 * What Wireshark reads: by stream and direction, its frames.
 *
 * @param {string} file
 */
export async function wireshark(file) {
  const args = ["-r", file, "-Y", "websocket", ...AT_ITS_BEST, "-T", "json", "-x", "--no-duplicate-keys"];
  const { stdout } = await run("tshark", args, { maxBuffer: MOST });
  const streams = new Map();
  for (const { _source } of JSON.parse(stdout)) {
    const { layers } = _source;
    const tcp = layers.tcp;
    const number = Number(tcp["tcp.stream"]);
    const stream = streams.get(number) ?? { first: tcp["tcp.srcport"], bySource: {} };
    streams.set(number, stream);
    stream.bySource[tcp["tcp.srcport"]] ??= [];
    // What a binary message holds stands beside the frames, in their order.
    const data = list(layers.data).map((it) => it["data.data_raw"][0]);
    for (const layer of list(layers.websocket)) {
      const frame = frameOf(layer, data);
      if (frame) stream.bySource[tcp["tcp.srcport"]].push(frame);
    }
  }
  return streams;
}

const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** What stands first in a member's raw value: its bytes in hex. */
const raw = (layer, name) => list(layer[`${name}_raw`])[0];

/**
 * @returns {(Frame & { shown: string | null }) | null} `shown` is what stands there as the message;
 *   null if there was no header
 */
function frameOf(layer, data) {
  const seven = Number(layer["websocket.payload_length"]);
  const extended = { 126: "websocket.payload_length_ext_16", 127: "websocket.payload_length_ext_64" }[seven];
  const content = layer["websocket.payload"];
  const inside = content && typeof content === "object" ? content : {};
  const text = raw(inside, "websocket.payload.text") ?? null;
  if (layer["websocket.opcode"] === undefined) return null;
  return {
    fin: Number(layer["websocket.fin"]),
    rsv: Number(layer["websocket.rsv"]),
    opcode: Number(layer["websocket.opcode"]),
    mask: Number(layer["websocket.mask"]),
    key: layer["websocket.masking_key"]?.replaceAll(":", "") ?? null,
    length: extended ? Number(layer[extended]) : seven,
    payload: raw(layer, "websocket.payload") ?? null,
    shown: text ?? (content === "" ? (data.shift() ?? null) : null),
  };
}

/**
 * The bytes of each direction of TCP streams, as Wireshark puts them in order.
 *
 * @param {string} file
 * @param {number[]} streams
 * @returns {Promise<{ c2s: string, s2c: string }[]>} in hex
 */
export async function followed(file, streams) {
  const args = ["-r", file, ...AT_ITS_BEST, "-q", ...streams.flatMap((stream) => ["-z", `follow,tcp,raw,${stream}`])];
  const { stdout } = await run("tshark", args, { maxBuffer: MOST });
  // Each under a head of its own, in whatever order.
  const found = new Map();
  for (const part of stdout.split(/^Follow: /m).slice(1)) {
    const both = { c2s: "", s2c: "" };
    for (const [, tab, hex] of part.matchAll(/^(\t?)([0-9a-f]+)$/gm)) both[tab ? "s2c" : "c2s"] += hex;
    found.set(Number(/^Filter: tcp.stream eq (\d+)$/m.exec(part)?.[1]), both);
  }
  return streams.map((stream) => found.get(stream));
}

/** The group of what TCP has to say of itself. */
const SEQUENCE = 0x0200_0000;

/**
 * What Wireshark finds wrong with the WebSocket bytes of each stream.
 *
 * @param {string} file
 * @returns {Promise<Map<number, string[]>>}
 */
export async function complaints(file) {
  const fields = ["tcp.stream", "_ws.expert.group", "_ws.expert.message", "_ws.malformed"];
  const args = [
    "-r",
    file,
    "-Y",
    "websocket && (_ws.expert || _ws.malformed)",
    ...AT_ITS_BEST,
    "-T",
    "fields",
    "-E",
    "aggregator=;",
  ];
  const { stdout } = await run("tshark", [...args, ...fields.flatMap((field) => ["-e", field])], { maxBuffer: MOST });
  const found = new Map();
  for (const line of stdout.split("\n").filter(Boolean)) {
    const [stream, groups, messages, malformed] = line.split("\t");
    const said = messages.split(";").filter((_, at) => Number(groups.split(";")[at]) !== SEQUENCE);
    if (malformed) said.push("Malformed packet");
    if (said.length > 0) found.set(Number(stream), [...(found.get(Number(stream)) ?? []), ...said]);
  }
  return found;
}

/** What `websockets` makes of these streams. @param {{ c2s: string, s2c: string }[]} streams */
export async function websockets(streams) {
  const judging = run(PYTHON, [JUDGE], { maxBuffer: MOST });
  judging.child.stdin?.end(streams.map((stream) => `${JSON.stringify(stream)}\n`).join(""));
  const { stdout } = await judging;
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** The version of Wireshark, as `4.0`. */
export async function wiresharkVersion() {
  const { stdout } = await run("tshark", ["--version"]);
  return /TShark \(Wireshark\) (\d+\.\d+)/.exec(stdout)?.[1] ?? "unknown";
}
