// @ts-check
// One row of the frame list.

import { el, grouped } from "../lib/dom.js";

/** @import { Row } from "../pkg/framescope_wasm.js" */
/** @typedef {"start" | "previous" | "absolute"} TimeMode */

/** The cells of a row, in the order of the columns. */
const CELLS = [
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
  index: "cell-number cell-dim",
  time: "cell-number",
  connection: "cell-number cell-dim",
  bits: "cell-dim",
  length: "cell-number",
  inflated: "cell-number cell-dim",
  fragment: "cell-dim",
};

/**
 * Fills a row, new or used before.
 *
 * @param {HTMLElement} element
 * @param {Row | undefined} row undefined while it is on its way
 * @param {number} index
 * @param {object} look
 * @param {number} look.first the index of the first row of the list
 * @param {TimeMode} look.timeMode
 * @param {boolean} look.isChosen
 */
export function drawRow(element, row, index, { first, timeMode, isChosen }) {
  if (element.childElementCount === 0) build(element);
  element.id = `row-${index}`;
  element.dataset.index = String(index);
  element.setAttribute("aria-rowindex", String(index - first + 2));
  element.setAttribute("aria-selected", String(isChosen));
  element.dataset.kind = row?.kind ?? "unknown";
  element.toggleAttribute("data-bad", (row?.violations.length ?? 0) > 0);
  const texts = row ? cellTexts(row, timeMode) : { index: grouped(index + 1) };
  for (const [place, name] of CELLS.entries()) {
    const cell = /** @type {HTMLElement} */ (element.children[place]);
    const text = texts[name] ?? "";
    if (cell.textContent !== text) cell.textContent = text;
  }
  label(element, "cell-name", "data-name", row?.name ?? "");
  label(element, "cell-preview", "data-kind", row?.previewKind ?? "text");
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
  label(element, "flaws", "title", row?.violations.join(", ") ?? "");
  element.querySelector(".flaws")?.classList.toggle("flaw", (row?.violations.length ?? 0) > 0);
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
 * @returns {Record<string, string>}
 */
function cellTexts(row, timeMode) {
  const common = {
    index: grouped(row.index + 1),
    time: timeText(row, timeMode),
    connection: String(row.connection ?? ""),
    direction: directionText(row),
    name: row.name,
    preview: row.preview,
    flaws: row.violations.length === 0 ? "" : `⚠ ${row.violations.join(", ")}`,
  };
  if (row.kind === "gap" || row.kind === "handshake") return { ...common, length: grouped(row.wire) };
  if (row.kind !== "frame") return common;
  return {
    ...common,
    bits: `${Number(row.fin)} ${bits(row.rsv)}`,
    length: grouped(row.payloadLength),
    inflated: row.inflated === null ? "" : grouped(row.inflated),
    fragment: row.fragment ? `${row.fragment.number} of ${row.fragment.of ?? "…"}` : "",
  };
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
