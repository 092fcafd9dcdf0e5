// @ts-check
// One row of the frame list.

import { el, grouped } from "../lib/dom.js";
import { sentenceOf } from "./findings.js";

/** @import { Row, TimeMode } from "./app.js" */

/** The cells of a row, in the order of the columns. */
const CELLS = [
  "marks",
  "index",
  "time",
  "connection",
  "direction",
  "name",
  "bits",
  "length",
  "inflated",
  "fragment",
  "preview",
  "flaws",
];

/** @type {Record<string, string>} */
const EXTRA = {
  marks: "cell-dim",
  index: "cell-number cell-dim",
  time: "cell-number",
  connection: "cell-number cell-dim",
  bits: "cell-dim",
  length: "cell-number",
  inflated: "cell-number cell-dim",
  fragment: "cell-dim",
};

/** So many hues tell connections apart at a glance, beside their numbers. */
const TINTS = 8;

/** A colour rule's sign, for whoever does not see its colour. */
const SIGNS = ["①", "②", "③", "④", "⑤", "⑥", "⑦", "⑧"];

/**
 * Fills a row, new or used before.
 *
 * @param {HTMLElement} element
 * @param {Row | undefined} row undefined while it is on its way
 * @param {number} place in the list, from 0
 * @param {object} look
 * @param {TimeMode} look.timeMode
 * @param {"frames" | "messages"} look.layer
 * @param {number | null} look.chosen
 * @param {ReadonlySet<number>} look.marked
 */
export function drawRow(element, row, place, { timeMode, layer, chosen, marked }) {
  if (element.childElementCount === 0) build(element);
  element.setAttribute("aria-rowindex", String(place + 2));
  if (row) {
    element.id = `row-${row.index}`;
    element.dataset.index = String(row.index);
  } else {
    element.removeAttribute("id");
    element.removeAttribute("data-index");
  }
  element.setAttribute("aria-selected", String(row !== undefined && row.index === chosen));
  element.dataset.kind = row?.kind ?? "unknown";
  element.toggleAttribute("data-bad", row !== undefined && hasFlaw(row));
  element.toggleAttribute("data-found", row?.found ?? false);
  if (row?.colour == null) element.removeAttribute("data-colour");
  else element.dataset.colour = String(row.colour);
  const isMarked = row !== undefined && marked.has(row.index);
  const texts = row ? cellTexts(row, timeMode, layer) : {};
  if (row) texts.marks = `${isMarked ? "◆" : ""}${row.found ? "●" : ""}${SIGNS[row.colour ?? -1] ?? ""}`;
  for (const [at, name] of CELLS.entries()) {
    const cell = /** @type {HTMLElement} */ (element.children[at]);
    const text = texts[name] ?? "";
    if (cell.textContent !== text) cell.textContent = text;
  }
  label(element, "cell-marks", "aria-label", row ? marksWords(row, isMarked) : "");
  label(element, "cell-name", "data-name", row?.name ?? "");
  label(element, "cell-preview", "data-kind", row && isUnread(row) ? "words" : (row?.previewKind ?? "text"));
  label(element, "cell-preview", "data-protocol", row?.subprotocol ?? "");
  label(element, "cell-connection", "data-tint", row?.connection == null ? "" : String(row.connection % TINTS));
  label(
    element,
    "cell-bits",
    "aria-label",
    row?.kind === "frame" ? `FIN ${Number(row.fin)}, RSV ${bits(row.rsv)}` : "",
  );
  label(
    element,
    "cell-fragment",
    "data-message",
    row?.fragment?.lastRow != null && row.fragment.lastRow !== row.index ? String(row.fragment.lastRow) : "",
  );
  label(
    element,
    "cell-fragment",
    "title",
    row?.fragment?.lastRow == null
      ? ""
      : `To the frame that completes the message: no. ${grouped(row.fragment.lastRow + 1)}`,
  );
  label(element, "flaws", "title", row ? [...row.violations, ...row.findings.map(sentenceOf)].join("\n") : "");
  element.querySelector(".flaws")?.classList.toggle("flaw", row !== undefined && hasFlaw(row));
}

/** A rule is broken here, or something is certain from here on. @param {Row} row */
function hasFlaw({ violations, findings }) {
  return violations.length > 0 || findings.length > 0;
}

/** @param {Row} row */
function flawsText({ violations, findings }) {
  return [
    violations.length === 0 ? "" : `⚠ ${violations.join(", ")}`,
    findings.length === 0 ? "" : `⚑ ${findings.join(", ")}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** @param {Row} row @param {boolean} isMarked */
function marksWords({ found, colour }, isMarked) {
  const words = [];
  if (isMarked) words.push("marked");
  if (found) words.push("found");
  if (colour != null) words.push(`colour rule ${colour + 1}`);
  return words.join(", ");
}

/** @param {HTMLElement} element */
function build(element) {
  element.className = "row";
  element.setAttribute("role", "row");
  element.append(
    ...CELLS.map((name) =>
      el("span", { class: `cell ${name === "flaws" ? name : `cell-${name}`} ${EXTRA[name] ?? ""}`, role: "gridcell" }),
    ),
  );
}

/** @param {HTMLElement} element @param {string} cell @param {string} attribute @param {string} value */
function label(element, cell, attribute, value) {
  const found = element.getElementsByClassName(cell)[0];
  if (value === "") found?.removeAttribute(attribute);
  else found?.setAttribute(attribute, value);
}

/**
 * @param {Row} row
 * @param {TimeMode} timeMode
 * @param {"frames" | "messages"} layer
 * @returns {Record<string, string>}
 */
function cellTexts(row, timeMode, layer) {
  const common = {
    index: grouped(row.index + 1),
    time: timeText(row, timeMode),
    connection: String(row.connection ?? ""),
    direction: directionText(row),
    name: row.name,
    preview: previewText(row),
    flaws: flawsText(row),
  };
  if (row.kind === "gap" || row.kind === "handshake") return { ...common, length: grouped(row.wire) };
  if (row.kind !== "frame") return common;
  return {
    ...common,
    bits: `${Number(row.fin)} ${bits(row.rsv)}`,
    length: grouped(row.payloadLength),
    inflated: row.inflated === null ? "" : isUnread(row) ? "?" : grouped(row.inflated),
    fragment: fragmentText(row, layer),
  };
}

/** @param {Row} row @param {"frames" | "messages"} layer */
function fragmentText({ fragment }, layer) {
  if (!fragment) return "";
  if (layer === "messages") return `${fragment.of ?? fragment.number} frames`;
  return `${fragment.number} of ${fragment.of ?? "…"}`;
}

/**
 * Whether it holds a compressed message of which nothing could be inflated: no empty message takes up so much.
 *
 * @param {Row} row
 */
function isUnread({ kind, fin, rsv, inflated, payloadLength }) {
  return kind === "frame" && fin && (rsv & 4) !== 0 && inflated === 0 && Number(payloadLength) > 2;
}

/** @param {Row} row */
function previewText(row) {
  const { subprotocol, roundTrip, preview } = row;
  if (preview === "" && isUnread(row)) return "compressed, and cannot be inflated";
  const trip = roundTrip == null ? "" : `after ${duration(roundTrip)}`;
  return [subprotocol ?? "", trip, preview].filter((part) => part !== "").join(" · ");
}

/**
 * A time span for people: `12.3 ms`.
 *
 * @param {number} nanos
 */
export function duration(nanos) {
  const value = Math.abs(nanos);
  const [scale, unit] =
    value < 1e3
      ? [1, "ns"]
      : value < 1e6
        ? [1e3, "µs"]
        : value < 1e9
          ? [1e6, "ms"]
          : value < 60e9
            ? [1e9, "s"]
            : [60e9, "min"];
  const scaled = nanos / scale;
  return `${Number(scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0))}\u00A0${unit}`;
}

/** @param {Row} row */
export function directionText({ direction }) {
  if (direction === null) return "";
  return direction === "c2s" ? "C → S" : "S → C";
}

/** @param {number} rsv */
function bits(rsv) {
  return rsv.toString(2).padStart(3, "0");
}

/**
 * @param {Row} row
 * @param {TimeMode} mode
 * @returns {string}
 */
export function timeText(row, mode) {
  if (mode === "previous") return `+${seconds(row.sincePrevious)}`;
  if (mode === "start") return seconds(row.sinceStart);
  const [whole, nanos] = row.time;
  const clock = new Date(whole * 1000).toLocaleTimeString("en-GB", { hour12: false });
  return `${clock}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}`;
}

/** @param {number} nanos */
function seconds(nanos) {
  const sign = nanos < 0 ? "−" : "";
  const micros = Math.floor(Math.abs(nanos) / 1000);
  return `${sign}${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, "0")}`;
}
