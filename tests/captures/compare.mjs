// Two readings of one capture, held against each other: what differs, frame by frame and message by message.

/** @import { Direction, Frame, Message } from "./readings.mjs" */

/**
 * @typedef {object} Difference
 * @property {"Wireshark" | "websockets"} reader
 * @property {string} where capture, stream, direction and frame
 * @property {string} aspect the field that differs, or "message", or "frame" for one that only one of them has
 * @property {any} ours
 * @property {any} theirs
 * @property {any} [frame] ours
 * @property {Context} context
 *
 * @typedef {object} Context what is around a frame
 * @property {Direction} direction
 * @property {boolean} isCompressed the message
 * @property {any[]} fragments the frames of its message, up to this one
 * @property {boolean} isInterleaved fragments of the other direction came between them
 * @property {Deflate | null} deflate
 * @property {boolean} hasFailed an earlier message of this direction was not inflated by the other reader
 *
 * @typedef {{ c2s: { takeover: boolean, bits: number }, s2c: { takeover: boolean, bits: number } }} Deflate
 */

const HEADER = ["fin", "rsv", "opcode", "mask", "key", "length"];

/** What both ends agreed on, by the answer's own words. @param {any} answer a line about a handshake @returns {Deflate | null} */
export function deflateOf(answer) {
  const [, header] = answer?.headers.find(([name]) => name.toLowerCase() === "sec-websocket-extensions") ?? [];
  if (!header) return null;
  const bits = (side) => Number(new RegExp(`${side}_max_window_bits=(\\d+)`).exec(header)?.[1] ?? 15);
  const takeover = (side) => !header.includes(`${side}_no_context_takeover`);
  return {
    c2s: { takeover: takeover("client"), bits: bits("client") },
    s2c: { takeover: takeover("server"), bits: bits("server") },
  };
}

/**
 * Every frame of a stream against Wireshark's.
 *
 * @param {string} name
 * @param {any} mine both directions of `ours`
 * @param {any} theirs both directions of `wireshark`
 * @param {Deflate | null} deflate
 * @returns {Difference[]}
 */
export function againstWireshark(name, mine, theirs, deflate) {
  const found = [];
  for (const direction of /** @type {const} */ (["c2s", "s2c"])) {
    const contexts = contextsOf(mine, direction, deflate);
    let hasFailed = false;
    for (const [at, [frame, other]] of align(mine[direction].frames, theirs[direction]).entries()) {
      const context = { ...contexts.get(frame), hasFailed };
      const where = `${name} ${direction} frame ${at}`;
      const fields = frame && other ? fieldsThatDiffer(frame, other) : [["frame", frame, other]];
      for (const [aspect, its, others] of fields) {
        found.push({ reader: "Wireshark", where, aspect, ours: its, theirs: others, frame, context });
      }
      hasFailed ||= context.isCompressed && fields.some(([aspect, its]) => aspect === "message" && its !== "");
    }
  }
  return found;
}

/** @returns {[aspect: string, ours: any, theirs: any][]} */
function fieldsThatDiffer(frame, other) {
  const fields = HEADER.map((field) => [field, frame[field], other[field]]);
  // What is empty it does not show.
  fields.push(["payload", frame.payload, other.payload ?? ""]);
  if (frame.message && frame.opcode < 8) fields.push(["message", frame.message.hex, other.shown ?? ""]);
  return fields.filter(([, ours, theirs]) => ours !== theirs);
}

/** Pairs of frames with the same header; where one side has one more, it stands alone. */
function align(mine, theirs) {
  const pairs = [];
  const isSame = (a, b) => a && b && HEADER.every((field) => a[field] === b[field]);
  let [i, j] = [0, 0];
  while (i < mine.length || j < theirs.length) {
    const [a, b] = [mine[i], theirs[j]];
    if (
      isSame(a, b) ||
      (a && b && !theirs.slice(j).some((it) => isSame(a, it)) && !mine.slice(i).some((it) => isSame(it, b)))
    ) {
      pairs.push([a, b]);
      i += 1;
      j += 1;
    } else if (a && !theirs.slice(j).some((it) => isSame(a, it))) {
      pairs.push([a, undefined]);
      i += 1;
    } else if (b) {
      pairs.push([undefined, b]);
      j += 1;
    }
  }
  return pairs;
}

/** What is around each data frame of a direction. */
function contextsOf(mine, direction, deflate) {
  const contexts = new Map();
  const others = mine[direction === "c2s" ? "s2c" : "c2s"].frames;
  const isFragment = ({ opcode, fin }) => opcode === 0 || (opcode < 8 && fin === 0);
  let fragments = [];
  for (const frame of mine[direction].frames) {
    if (frame.opcode < 8) {
      if (frame.opcode !== 0) fragments = [];
      fragments = [...fragments, frame];
    }
    const [first] = fragments;
    const isBetween = (other) => isFragment(other) && other.place > first.place && other.place < frame.place;
    contexts.set(frame, {
      direction,
      deflate,
      fragments: frame.opcode < 8 ? fragments : [],
      isCompressed: frame.opcode < 8 && deflate !== null && (first.rsv & 4) !== 0,
      isInterleaved: fragments.length > 1 && others.some(isBetween),
    });
  }
  return contexts;
}

/**
 * Every message of a stream against those of `websockets`, in order, and the violation that ends them.
 *
 * @param {string} name
 * @param {any} mine both directions of `ours`
 * @param {any} theirs both readings of `websockets`
 * @returns {Difference[]}
 */
export function againstWebsockets(name, mine, theirs) {
  const found = [];
  for (const direction of ["c2s", "s2c"]) {
    const { messages, code, why } = theirs[direction];
    const ours = mine[direction].messages;
    for (let at = 0; at < Math.max(ours.length, messages.length); at += 1) {
      const [a, b] = [JSON.stringify(ours[at]), JSON.stringify(messages[at])];
      if (a === b) continue;
      found.push({
        reader: "websockets",
        where: `${name} ${direction} message ${at}`,
        aspect: "message",
        ours: a,
        theirs: b,
      });
    }
    const broken = mine[direction].frames.find(({ rules }) => rules.length > 0)?.code ?? null;
    if (broken !== code) {
      found.push({
        reader: "websockets",
        where: `${name} ${direction}`,
        aspect: "violation",
        ours: broken,
        theirs: code,
        why,
      });
    }
  }
  return found;
}
