// @ts-check
// The form of one frame, with every field that it has on the wire.

import { el, on, size } from "../../../lib/dom.js";
import { random, toHex } from "./bytes.js";
import { area, box, choice, Fields, line } from "./fields.js";

/** @import { Beside, Frame, Item, Problem } from "./frame.js" */

const OPCODES = [
  "continuation",
  "text",
  "binary",
  "reserved data",
  "reserved data",
  "reserved data",
  "reserved data",
  "reserved data",
  "close",
  "ping",
  "pong",
  "reserved control",
  "reserved control",
  "reserved control",
  "reserved control",
  "reserved control",
];

/** What people close with, and what they may not. */
const CODES = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported data",
  1005: "no status: never sent",
  1006: "abnormal closure: never sent",
  1007: "invalid payload",
  1008: "policy violation",
  1009: "message too big",
  1010: "mandatory extension",
  1011: "internal error",
  1012: "service restart",
  1013: "try again later",
  1015: "TLS handshake: never sent",
  3000: "registered: 3000 to 3999",
  4000: "private: 4000 to 4999",
};

/** @param {number} opcode */
export function opcodeName(opcode) {
  return OPCODES[opcode] ?? "";
}

let made = 0;

export class FrameForm {
  #root;
  #fields;
  #pasted;
  /** @type {{ item: Item, beside: Beside } | null} */
  #shown = null;
  #changed;
  #file = el("input", { type: "file", "aria-label": "File for the payload" });
  #fileNote = el("span", { class: "tool-note" });
  #drawn = el("button", { class: "quiet", type: "button", title: "Draw another random key" }, "New key");

  /** @param {HTMLElement} root @param {{ changed: () => void, signal: AbortSignal }} options */
  constructor(root, { changed, signal }) {
    this.#root = root;
    this.#changed = changed;
    this.#fields = new Fields((name) => this.#read(name), signal);
    this.#pasted = new Fields((name) => this.#read(name), signal);
    root.append(this.#frameFields(), this.#pastedFields());
    on(this.#drawn, "click", () => this.#draw(), signal);
    on(this.#file, "change", () => void this.#readFile(), signal);
  }

  #frameFields() {
    const fields = this.#fields;
    made += 1;
    const codes = el(
      "datalist",
      { id: `lab-codes-${made}` },
      ...Object.entries(CODES).map(([value, label]) => el("option", { value }, label)),
    );
    const code = line({ class: "mono lab-short", inputMode: "numeric" });
    code.setAttribute("list", codes.id);
    return el(
      "div",
      { class: "lab-form", "data-form": "frame" },
      el(
        "div",
        { class: "lab-line" },
        fields.add("opcode", "Opcode", choice(OPCODES.map((name, at) => [String(at), `${at} ${name}`]))),
        fields.add("fin", "FIN", box()),
        fields.add("rsv1", "RSV1", box()),
        fields.add("rsv2", "RSV2", box()),
        fields.add("rsv3", "RSV3", box()),
      ),
      el(
        "div",
        { class: "lab-line" },
        fields.add("masked", "MASK", box()),
        fields.add("key", "Masking key", line({ class: "mono lab-key", placeholder: "random" }), {
          hint: "Four bytes of hex; empty draws a random one for each sending",
        }),
        this.#drawn,
      ),
      el(
        "div",
        { class: "lab-line" },
        fields.add(
          "lengthAs",
          "Length in",
          choice([
            ["minimal", "as few bits as will do"],
            ["7", "7 bits"],
            ["16", "16 bits"],
            ["64", "64 bits"],
          ]),
        ),
        fields.add("length", "Claimed length", line({ class: "mono lab-number", placeholder: "the true one" }), {
          hint: "What the header says, whatever the payload has; decimal or 0x…",
        }),
      ),
      el(
        "div",
        { class: "lab-line" },
        fields.add(
          "payloadAs",
          "Payload",
          choice([
            ["text", "text, as UTF-8"],
            ["hex", "hex"],
            ["base64", "base64"],
            ["file", "a file"],
            ["close", "close code and reason"],
          ]),
        ),
        fields.add("compress", "Compress, RSV1", box(), {
          hint: "With the parameters agreed on; the message refers to nothing before it",
        }),
        fields.add("pause", "Pause before, ms", line({ class: "mono lab-number", inputMode: "numeric" })),
      ),
      fields.add("payload", "Payload data", area({ class: "mono lab-payload", rows: 4 })),
      el("div", { class: "lab-line", "data-of": "file" }, this.#file, this.#fileNote),
      el(
        "div",
        { class: "lab-line", "data-of": "close" },
        fields.add("code", "Code", code, { hint: "Empty: a Close without a code" }),
        codes,
        fields.add("reason", "Reason", line({ class: "lab-reason" })),
        el("span", { class: "tool-note", "data-of": "code-name" }),
      ),
    );
  }

  #pastedFields() {
    const fields = this.#pasted;
    return el(
      "div",
      { class: "lab-form", "data-form": "bytes" },
      el(
        "div",
        { class: "lab-line" },
        fields.add(
          "as",
          "Bytes as",
          choice([
            ["hex", "hex"],
            ["base64", "base64"],
          ]),
        ),
        fields.add("pause", "Pause before, ms", line({ class: "mono lab-number", inputMode: "numeric" })),
      ),
      fields.add(
        "text",
        "Bytes, as they go on the wire",
        area({ class: "mono lab-payload", rows: 5, placeholder: "81 85 37fa213d 7f9f4d5158" }),
      ),
    );
  }

  /** @param {Item} item @param {Beside} beside */
  show(item, beside) {
    this.#shown = { item, beside };
    (item.type === "frame" ? this.#fields : this.#pasted).fill({ ...item });
    this.#render();
  }

  /** @param {Problem[]} problems */
  judge(problems) {
    (this.#shown?.item.type === "bytes" ? this.#pasted : this.#fields).judge(problems);
    this.#render();
    const says = problems.find(({ field }) => field === "file")?.says;
    this.#fileNote.className = says ? "lab-problem" : "tool-note";
    if (says) this.#fileNote.textContent = says;
  }

  /** Takes the keyboard. */
  focus() {
    (this.#shown?.item.type === "bytes" ? this.#pasted.control("text") : this.#fields.control("opcode")).focus();
  }

  /** @param {string} name of the field that changed */
  #read(name) {
    if (!this.#shown) return;
    const { item } = this.#shown;
    const value = (item.type === "frame" ? this.#fields : this.#pasted).value(name);
    Object.assign(item, { [name]: name === "opcode" ? Number(value) : value });
    // Whoever chooses Close wants its fields; whoever leaves it, no code for a payload.
    if (item.type === "frame" && name === "opcode") {
      if (item.opcode === 8) item.payloadAs = "close";
      else if (item.payloadAs === "close") item.payloadAs = "text";
      this.#fields.fill({ payloadAs: item.payloadAs });
    }
    this.#changed();
  }

  #draw() {
    if (this.#shown?.item.type !== "frame") return;
    this.#shown.beside.key = random(4);
    this.#shown.item.key = "";
    this.#fields.fill({ key: "" });
    this.#changed();
  }

  async #readFile() {
    const [file] = this.#file.files ?? [];
    const shown = this.#shown;
    if (!file || !shown) return;
    shown.beside.file = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
    this.#changed();
  }

  #render() {
    if (!this.#shown) return;
    const { item, beside } = this.#shown;
    this.#root.dataset.form = item.type;
    if (item.type !== "frame") return;
    this.#root.dataset.payload = item.payloadAs;
    const key = this.#fields.control("key");
    if (key instanceof HTMLInputElement) {
      key.placeholder = `random: ${toHex(beside.key)}`;
      key.disabled = !item.masked;
    }
    this.#drawn.disabled = !item.masked;
    this.#fileNote.textContent = beside.file ? `${beside.file.name}, ${size(beside.file.bytes.length)}` : "";
    const name = this.#root.querySelector("[data-of=code-name]");
    if (name) name.textContent = codeName(item);
  }
}

/** @param {Frame} item */
function codeName({ code }) {
  const number = Number(code);
  if (code.trim() === "") return "A Close without a code.";
  const known = /** @type {Record<number, string>} */ (CODES)[number];
  if (known && number < 3000) return known;
  if (number >= 3000 && number <= 3999) return "registered with IANA";
  if (number >= 4000 && number <= 4999) return "for private use";
  return "may not be sent";
}
