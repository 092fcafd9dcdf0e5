// @ts-check
// The home page: is the server well, and one frame's first bytes as a taste.

import { byId, el } from "../lib/dom.js";
import { startPage } from "../lib/page.js";

/** The fields of the two bytes 81 85, each with its name and bits. */
const SPECIMEN = [
  ["fin", "FIN", "1"],
  ["rsv1", "RSV1", "0"],
  ["rsv2", "RSV2", "0"],
  ["rsv3", "RSV3", "0"],
  ["opcode", "opcode: text", "0001"],
  ["mask", "MASK", "1"],
  ["payload-length", "length: 5", "0000101"],
];

drawSpecimen();
void startPage();
await showHealth();

function drawSpecimen() {
  let column = 1;
  /** @type {HTMLElement[]} */
  const parts = [];
  for (const [field = "", name = "", bits = ""] of SPECIMEN) {
    const from = column;
    for (const bit of bits) {
      const cell = el("span", { class: "bit", "data-field": field }, bit);
      cell.style.gridColumn = String(column);
      parts.push(cell);
      // The ninth column is the space between the bytes.
      column += column === 8 ? 2 : 1;
    }
    const label = el(
      "span",
      { class: bits.length === 1 ? "bit-name bit-name-single" : "bit-name", "data-field": field },
      name,
    );
    label.style.gridColumn = `${from} / ${column === 10 && from < 9 ? 9 : column}`;
    parts.push(label);
  }
  byId("specimen", HTMLElement).replaceChildren(...parts);
}

async function showHealth() {
  const isWell = await fetch("/healthz", { cache: "no-store" }).then(
    (answer) => answer.ok,
    () => false,
  );
  byId("health", HTMLElement).dataset.state = isWell ? "live" : "lost";
  byId("health-text", HTMLElement).textContent = isWell ? "Server is well" : "Server does not answer";
}
