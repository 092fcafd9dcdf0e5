// @ts-check
// From what is shown to a filter that asks for it.

/** @import { Chosen, FieldInfo, Row } from "./app.js" */

/** The opcodes that have a name in the filter's language. */
const NAMED = new Set(["continuation", "text", "binary", "close", "ping", "pong"]);

/** Text as the language quotes it. @param {string} text */
export function quoted(text) {
  const escaped = text
    .replace(/[\\"]/gu, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/**
 * Both have to hold.
 *
 * @param {string} one
 * @param {string} other
 */
export function both(one, other) {
  if (one === "" || one === other) return other;
  const grouped = (/** @type {string} */ text) => (/\bor\b|\|\|/u.test(text) ? `(${text})` : text);
  return `${grouped(one)} and ${grouped(other)}`;
}

/** @param {string} text */
export function negated(text) {
  return /^[\w.-]+$/u.test(text) ? `not ${text}` : `not (${text})`;
}

/**
 * What a cell of the list asks for.
 *
 * @param {Row} row
 * @param {string} cell its column, as `cell-name`
 * @returns {string} empty if there is nothing to ask for
 */
export function ofCell(row, cell) {
  const isFrame = row.kind === "frame";
  switch (cell) {
    case "connection":
      return row.connection === null ? "" : `conn == ${row.connection}`;
    case "direction":
      return row.direction === null ? "" : `dir == ${row.direction}`;
    case "bits":
      return isFrame ? (row.rsv === 0 ? (row.fin ? "fin" : "not fin") : `rsv == ${row.rsv}`) : "";
    case "length":
      return isFrame ? `length == ${row.payloadLength}` : "";
    case "inflated":
      return row.inflated === null ? "" : "compressed";
    case "fragment":
      return row.fragment ? messageOf(row) : "";
    case "flaws":
      if (row.violations[0]) return `violation == ${row.violations[0]}`;
      return row.findings[0] ? `finding == ${row.findings[0]}` : "";
    case "preview":
      return "";
    case "time":
      return `time >= ${row.sinceStart}ns`;
    default:
      return isFrame ? `opcode == ${opcodeOf(row.name)}` : `kind == ${row.name}`;
  }
}

/** The frames of the message that a row belongs to. @param {Row} row */
export function messageOf(row) {
  const { connection, direction, fragment } = row;
  if (connection === null || direction === null || !fragment) return "";
  return `conn == ${connection} and dir == ${direction} and message.number == ${fragment.message}`;
}

/**
 * What a field of the chosen row asks for.
 *
 * @param {FieldInfo} field
 * @param {Chosen} chosen
 * @returns {string} empty if there is nothing to ask for
 */
export function ofField(field, { details: { row, handshake } }) {
  if (handshake) {
    // The parts of the first line have words for labels, too.
    if (field.name === "status") return /^\d{3}$/u.test(field.value) ? `status == ${field.value}` : "";
    if (field.name === "target") return `target == ${quoted(field.value)}`;
    const isHeader = field.name === "header" && /^[\w-]+$/u.test(field.label);
    return isHeader && field.value !== "" ? `header.${field.label.toLowerCase()} == ${quoted(field.value)}` : "";
  }
  switch (field.name) {
    case "fin":
      return row.fin ? "fin" : "not fin";
    case "rsv1":
    case "rsv2":
    case "rsv3":
      return field.value.startsWith("1") ? field.name : `not ${field.name}`;
    case "opcode":
      return `opcode == ${opcodeOf(row.name)}`;
    case "mask":
      return row.masked ? "masked" : "not masked";
    case "payload-length":
    case "extended-payload-length":
      return `length == ${row.payloadLength}`;
    case "masking-key":
      return `mask.key == ${field.value
        .replace(/^0x/u, "")
        .replace(/[^0-9a-f]/giu, "")
        .slice(0, 8)}`;
    case "close-code":
      return `close.code == ${/\d+/u.exec(field.value)?.[0] ?? 1000}`;
    case "close-reason":
      return `close.reason == ${quoted(field.value)}`;
    default:
      return "";
  }
}

/** @param {string} name of an opcode, reserved ones as `reserved 0x3` */
function opcodeOf(name) {
  return NAMED.has(name) ? name : (/0x[0-9a-f]+|\d+/iu.exec(name)?.[0] ?? name);
}
