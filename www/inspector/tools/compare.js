// @ts-check
// Two frames beside each other, field by field, byte by byte and line by line; or two connections, message by message.

import { el, grouped, on, size } from "../../lib/dom.js";
import { counted } from "../../lib/text.js";
import { diff } from "./diff.js";
import { moment } from "./times.js";

/** @import { App, Tool } from "../app.js" */
/** @import { Details, FieldInfo, StreamMessage } from "../../pkg/framescope_wasm.js" */
/** @typedef {{ details: Details, wire: Uint8Array, message: Uint8Array | undefined, json: string | undefined }} Side */

/** Messages of a connection that are compared at most. */
const MESSAGES = 5000;
const PAGE = 500;
/** Lines and rows of bytes shown at most. */
const SHOWN = 400;
const BYTES_A_ROW = 8;

const HOW = { same: "same", changed: "differs", missing: "only left", extra: "only right" };

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  const page = new ComparePage(root, app);
  return { shown: () => page.setShown(true), hidden: () => page.setShown(false) };
}

class ComparePage {
  #app;
  #what = el("select", { "aria-label": "What to compare" });
  #left = el("select", { "aria-label": "Left connection" });
  #right = el("select", { "aria-label": "Right connection" });
  #again = el("button", { class: "quiet", type: "button" }, "Compare");
  #body = el("div", { class: "compare-body", role: "region", "aria-label": "Comparison", tabIndex: 0 });
  #isShown = false;
  /** Grows with each comparison: an older one that comes in late is not shown. */
  #turn = 0;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    this.#what.append(
      el("option", { value: "frames" }, "Two marked frames"),
      el("option", { value: "connections" }, "Two connections"),
    );
    root.classList.add("compare");
    root.append(el("div", { class: "tool-bar" }, this.#what, this.#left, this.#right, this.#again), this.#body);
    const compare = () => void this.#compare();
    for (const select of [this.#what, this.#left, this.#right]) on(select, "change", compare, app.signal);
    on(this.#again, "click", compare, app.signal);
    app.on(
      "marked",
      () => {
        if (this.#isShown && this.#what.value === "frames") compare();
      },
      app.signal,
    );
  }

  /** @param {boolean} isShown */
  setShown(isShown) {
    this.#isShown = isShown;
    if (isShown) void this.#compare();
  }

  async #compare() {
    this.#turn += 1;
    const turn = this.#turn;
    const isFrames = this.#what.value === "frames";
    for (const control of [this.#left, this.#right, this.#again]) control.hidden = isFrames;
    try {
      const parts = isFrames ? await this.#frames() : await this.#connections();
      if (turn === this.#turn) this.#body.replaceChildren(...parts);
    } catch (error) {
      if (turn === this.#turn)
        this.#body.replaceChildren(el("p", { class: "tool-empty", role: "alert" }, String(error)));
    }
  }

  // ---- Frames ----

  async #frames() {
    const [one, other] = this.#app.marked;
    if (one === undefined || other === undefined)
      return [
        el(
          "p",
          { class: "tool-empty" },
          "Mark two frames to see where they differ: choose one and press ",
          el("kbd", {}, "x"),
          " (or Mark in its menu, or among the commands), then the other. ",
          one === undefined ? "None is marked yet." : `No. ${grouped(one + 1)} is marked.`,
        ),
      ];
    const sides = await Promise.all([this.#side(one), this.#side(other)]);
    const [left, right] = sides;
    if (!left || !right) return [el("p", { class: "tool-empty" }, "A marked frame is no longer held.")];
    const heads = [one, other].map((row) => this.#link(row, `No. ${grouped(row + 1)}`));
    return [
      el("h3", { class: "tool-title" }, "Fields"),
      fieldsTable(left.details, right.details, heads),
      el("h3", { class: "tool-title" }, "Bytes on the wire"),
      bytesTable(left.wire, right.wire),
      el("h3", { class: "tool-title" }, "Messages"),
      messagesTable(left, right),
    ];
  }

  /** @param {number} row @returns {Promise<Side | null>} */
  async #side(row) {
    const { capture } = this.#app;
    const details = await capture.frame(row);
    if (!details) return null;
    const last = details.message?.lastRow ?? row;
    const [wire, message, json] = await Promise.all([
      capture.wire(row),
      capture.message(last),
      capture.messageJson(last),
    ]);
    return { details, wire: wire ?? new Uint8Array(), message, json };
  }

  // ---- Connections ----

  async #connections() {
    const connections = await this.#app.capture.connections();
    if (connections.length < 2)
      return [el("p", { class: "tool-empty" }, "Two connections can be compared once there are two.")];
    for (const [select, place] of /** @type {const} */ ([
      [this.#left, 0],
      [this.#right, 1],
    ])) {
      const before = select.value;
      const options = connections.map(({ connection, label, target }) =>
        el("option", { value: String(connection) }, `${connection} · ${label || target}`),
      );
      select.replaceChildren(...options);
      const isThere = connections.some(({ connection }) => String(connection) === before);
      select.value = isThere ? before : String(connections[place]?.connection);
    }
    const [left, right] = await Promise.all([this.#messages(this.#left.value), this.#messages(this.#right.value)]);
    const steps = diff(
      left,
      right,
      (one, other) => one.direction === other.direction && one.kind === other.kind && one.hash === other.hash,
      (one, other) => one.direction === other.direction && one.kind === other.kind,
    );
    const counts = { same: 0, changed: 0, missing: 0, extra: 0 };
    for (const { how } of steps) counts[how] += 1;
    const words = [
      counts.same > 0 && `${counted(counts.same, "message")} the same`,
      counts.changed > 0 && `${grouped(counts.changed)} different`,
      counts.missing > 0 && `${grouped(counts.missing)} only left`,
      counts.extra > 0 && `${grouped(counts.extra)} only right`,
    ].filter((part) => part !== false);
    const rows = steps.slice(0, SHOWN).map((step) => {
      const [one, other] = [
        "left" in step ? left[step.left] : undefined,
        "right" in step ? right[step.right] : undefined,
      ];
      const message = one ?? other;
      return el(
        "tr",
        { "data-how": step.how },
        el("td", {}, message?.direction === "c2s" ? "client" : "server"),
        el("td", {}, message?.kind ?? ""),
        el("td", {}, one ? this.#messageLink(one) : ""),
        el("td", { class: "verdict" }, HOW[step.how]),
        el("td", {}, other ? this.#messageLink(other) : ""),
      );
    });
    return [
      el("p", { role: "status" }, words.length === 0 ? "Neither has a message." : `${words.join(", ")}.`),
      table(["From", "Kind", "Left", "", "Right"], rows),
      ...(steps.length > SHOWN
        ? [el("p", { class: "tool-note" }, `The first ${SHOWN} of ${grouped(steps.length)} are listed.`)]
        : []),
      ...(left.length >= MESSAGES || right.length >= MESSAGES
        ? [el("p", { class: "tool-note" }, `The first ${grouped(MESSAGES)} messages of each were compared.`)]
        : []),
    ];
  }

  /** @param {string} connection */
  async #messages(connection) {
    /** @type {StreamMessage[]} */
    const all = [];
    while (all.length < MESSAGES) {
      const page = await this.#app.capture.messagesOf(Number(connection), all.at(-1)?.row ?? -1, PAGE);
      all.push(...page);
      if (page.length < PAGE) break;
    }
    return all;
  }

  /** @param {StreamMessage} message */
  #messageLink({ row, length, at }) {
    return this.#link(row, `no. ${grouped(row + 1)}, ${size(length)}, ${moment(at, 1e6)}`);
  }

  /** @param {number} row @param {string} words */
  #link(row, words) {
    const button = el("button", { class: "link", type: "button" }, words);
    on(button, "click", () => this.#app.choose(row), this.#app.signal);
    return button;
  }
}

/** @param {Details} left @param {Details} right @param {HTMLElement[]} heads */
function fieldsTable(left, right, heads) {
  const [ones, others] = [flat(left.fields), flat(right.fields)];
  const names = [...new Set([...ones.keys(), ...others.keys()])];
  const rows = names.map((name) => {
    const [one, other] = [ones.get(name), others.get(name)];
    const isSame = one?.value === other?.value;
    return el(
      "tr",
      { "data-how": isSame ? "same" : "changed" },
      el("th", { scope: "row" }, (one ?? other)?.label ?? name),
      el("td", {}, el("code", {}, one?.value ?? "–")),
      el("td", { class: "verdict" }, isSame ? "=" : "≠"),
      el("td", {}, el("code", {}, other?.value ?? "–")),
    );
  });
  const ends = [left, right].map(({ source, destination }) => `${source} → ${destination}`);
  rows.unshift(
    el(
      "tr",
      { "data-how": ends[0] === ends[1] ? "same" : "changed" },
      el("th", { scope: "row" }, "Way"),
      el("td", {}, ends[0] ?? ""),
      el("td", { class: "verdict" }, ends[0] === ends[1] ? "=" : "≠"),
      el("td", {}, ends[1] ?? ""),
    ),
  );
  return table(["Field", heads[0] ?? "", "", heads[1] ?? ""], rows);
}

/** All fields by the path of their names. @param {FieldInfo[]} fields */
function flat(fields) {
  /** @type {Map<string, FieldInfo>} */
  const found = new Map();
  const walk = (/** @type {FieldInfo[]} */ some, /** @type {string} */ path) => {
    for (const field of some) {
      let name = `${path}/${field.name}`;
      while (found.has(name)) name += "'";
      found.set(name, field);
      walk(field.children, name);
    }
  };
  walk(fields, "");
  return found;
}

/** @param {Uint8Array} left @param {Uint8Array} right */
function bytesTable(left, right) {
  const count = Math.ceil(Math.max(left.length, right.length) / BYTES_A_ROW);
  /** @type {HTMLElement[]} */
  const rows = [];
  let same = 0;
  const flush = () => {
    if (same > 0)
      rows.push(el("tr", { "data-how": "same" }, el("td", { colSpan: 3 }, `${counted(same, "row")} the same`)));
    same = 0;
  };
  for (let row = 0; row < count && rows.length < SHOWN; row += 1) {
    const start = row * BYTES_A_ROW;
    const [one, other] = [left.subarray(start, start + BYTES_A_ROW), right.subarray(start, start + BYTES_A_ROW)];
    if (one.length === other.length && one.every((byte, place) => byte === other[place])) {
      same += 1;
      continue;
    }
    flush();
    rows.push(
      el(
        "tr",
        { "data-how": "changed" },
        el("th", { scope: "row" }, start.toString(16).padStart(4, "0")),
        el("td", {}, ...hexCells(one, other)),
        el("td", {}, ...hexCells(other, one)),
      ),
    );
  }
  flush();
  if (count === 0) return el("p", { class: "tool-note" }, "Neither has bytes.");
  if (rows.length === 1 && left.length === right.length && rows[0]?.dataset.how === "same")
    return el("p", { class: "tool-note" }, `All ${counted(left.length, "byte")} are the same.`);
  return table(["Offset", "Left", "Right"], rows);
}

/** @param {Uint8Array} bytes @param {Uint8Array} others */
function hexCells(bytes, others) {
  return Array.from(bytes, (byte, place) => {
    const text = byte.toString(16).padStart(2, "0");
    const cell = el(byte === others[place] ? "span" : "mark", { class: "compare-byte" }, text);
    return cell;
  });
}

/** @param {Side} left @param {Side} right */
function messagesTable(left, right) {
  if (!left.message || !right.message)
    return el("p", { class: "tool-note" }, "Not both belong to a message that is complete.");
  const [ones, others] = [linesOf(left), linesOf(right)];
  if (!ones || !others) {
    const isSame =
      left.message.length === right.message.length && left.message.every((b, i) => b === right.message?.[i]);
    const sizes = `${size(left.message.length)} and ${size(right.message.length)}`;
    return el(
      "p",
      { class: "tool-note" },
      isSame ? `The same, ${size(left.message.length)}.` : `They differ: ${sizes} of binary data.`,
    );
  }
  const steps = diff(ones, others, (one, other) => one === other);
  if (steps.every(({ how }) => how === "same"))
    return el("p", { class: "tool-note" }, `The same, ${counted(ones.length, "line")}.`);
  const rows = steps
    .slice(0, SHOWN)
    .map((step) =>
      el(
        "tr",
        { "data-how": step.how },
        el("td", {}, "left" in step ? el("code", {}, ones[step.left] ?? "") : ""),
        el(
          "td",
          { class: "verdict" },
          step.how === "same" ? "=" : step.how === "changed" ? "≠" : step.how === "missing" ? "−" : "+",
        ),
        el("td", {}, "right" in step ? el("code", {}, others[step.right] ?? "") : ""),
      ),
    );
  return table(["Left", "", "Right"], rows);
}

/** A text's lines, JSON set out; null for what is no text. @param {Side} side */
function linesOf({ message, json }) {
  try {
    return (json ?? new TextDecoder("utf-8", { fatal: true }).decode(message)).split("\n");
  } catch {
    return null;
  }
}

/** @param {(string | Node)[]} heads @param {HTMLElement[]} rows */
function table(heads, rows) {
  return el(
    "table",
    { class: "tool-table" },
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows),
  );
}
