// @ts-check
// One connection as a whole: how it was opened and what each header means, what was agreed on and why, what was sent,
// how it was closed, how well it was masked; and all that was said, in the order in which it was said.

import { el, grouped, on, size } from "../../lib/dom.js";
import { counted } from "../../lib/text.js";
import { SIGNS, sentenceOf } from "../findings.js";
import { span } from "./times.js";
import { Transcript } from "./transcript.js";

/** @import { App, Tool } from "../app.js" */
/** @import { ConnectionInfo } from "../../pkg/framescope_wasm.js" */
/** @import { Conversation } from "../app.js" */

/** Said at most so often while frames come in, in milliseconds. */
const EVERY = 500;

const VERDICTS = { good: "✓ as it should be", plain: "·", bad: "⚠ against a rule" };
const WAYS = { c2s: "client → server", s2c: "server → client" };

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  const page = new ConversationPage(root, app);
  return {
    shown: (connection) => page.setShown(true, connection),
    hidden: () => page.setShown(false),
    chosen: () => page.follow(),
    changed: () => page.refresh(),
  };
}

class ConversationPage {
  #app;
  #choice = el("select", { "aria-label": "Connection" });
  #body = el("div", { class: "conversation-body" });
  #transcript;
  #isShown = false;
  #isAsking = false;
  #isStale = false;
  /** @type {number | null} */
  #connection = null;
  /** What is drawn, as text: the same is not drawn again, so that nothing moves under a reader. */
  #drawn = "";

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    this.#transcript = new Transcript(app);
    const follow = el("button", { class: "quiet", type: "button" }, "List only this connection");
    on(follow, "click", () => void app.setView({ connection: this.#connection }), app.signal);
    on(
      this.#choice,
      "change",
      () => {
        this.#connection = Number(this.#choice.value);
        this.refresh();
      },
      app.signal,
    );
    root.classList.add("conversation");
    root.append(el("div", { class: "tool-bar" }, this.#choice, follow), this.#body);
    app.on("view", () => this.follow(), app.signal);
  }

  /** @param {boolean} isShown @param {unknown} [connection] the one asked for */
  setShown(isShown, connection) {
    this.#isShown = isShown;
    if (!isShown) return;
    this.follow();
    if (typeof connection === "number") this.#connection = connection;
  }

  /** Shows the connection of the chosen frame. */
  follow() {
    const wanted = this.#app.chosen?.details.row.connection ?? this.#app.view.connection;
    if (wanted !== null && wanted !== undefined) this.#connection = wanted;
    this.refresh();
  }

  refresh() {
    if (!this.#isShown) return;
    this.#isStale = true;
    if (!this.#isAsking) void this.#ask();
  }

  async #ask() {
    this.#isAsking = true;
    while (this.#isStale && this.#isShown && !this.#app.signal.aborted) {
      this.#isStale = false;
      try {
        await this.#load();
      } catch (error) {
        this.#body.replaceChildren(el("p", { class: "tool-empty", role: "alert" }, String(error)));
        this.#drawn = "";
      }
      await new Promise((done) => setTimeout(done, EVERY));
    }
    this.#isAsking = false;
  }

  async #load() {
    const { capture } = this.#app;
    const connections = await capture.connections();
    if (!connections.some(({ connection }) => connection === this.#connection))
      this.#connection = connections[0]?.connection ?? null;
    this.#drawChoice(connections);
    const conversation = this.#connection === null ? null : await capture.conversation(this.#connection);
    const text = JSON.stringify(conversation ?? null);
    if (text === this.#drawn) return;
    this.#drawn = text;
    this.#body.replaceChildren(...(conversation ? this.#parts(conversation) : [nothing()]));
    if (conversation) this.#transcript.show(conversation.info.connection);
  }

  /** @param {ConnectionInfo[]} connections */
  #drawChoice(connections) {
    const words = connections.map(({ connection, label, target, client }) => [
      connection,
      `${connection} · ${label || target}${target === "" ? "" : `, from ${client}`}`,
    ]);
    const text = JSON.stringify(words);
    if (this.#choice.dataset.text !== text) {
      this.#choice.dataset.text = text;
      this.#choice.replaceChildren(...words.map(([value, label]) => el("option", { value }, String(label))));
    }
    this.#choice.hidden = connections.length === 0;
    this.#choice.value = String(this.#connection);
  }

  /** @param {Conversation} conversation */
  #parts(conversation) {
    const { info, headers } = conversation;
    return [
      this.#summary(conversation),
      section(
        "Opening handshake",
        headers.length === 0 ? el("p", { class: "tool-note" }, "It was not captured.") : this.#headers(conversation),
      ),
      section("What was agreed on", ...agreements(conversation)),
      section("What was sent", ...sent(conversation)),
      section("Round trips", tripsOf(conversation)),
      section("Masking keys", this.#masking(conversation)),
      section("Broken rules", this.#violations(conversation)),
      section("Findings", ...this.#findings(conversation)),
      section("How it was closed", this.#closing(conversation)),
      section(`All that was said on connection ${info.connection}`, this.#transcript.element),
    ];
  }

  /** @param {Conversation} conversation */
  #summary({ info, closing }) {
    const lasted = info.endNs === null ? null : info.endNs - info.startNs;
    return el(
      "dl",
      { class: "facts" },
      ...fact("Target", el("code", {}, info.target || "not captured"), info.host && ` on ${info.host}`),
      ...fact(
        "Client",
        el("code", {}, info.client),
        info.inProcess && " (no socket: a documentation address stands in)",
      ),
      ...fact("Server", el("code", {}, info.server)),
      ...fact("State", info.state, closing.by && `, closed by ${closing.by === "both" ? "both" : `the ${closing.by}`}`),
      ...fact(
        "Time",
        info.startNs === 0 ? "began with the earliest row" : `began ${span(info.startNs)} after the earliest row`,
        lasted !== null && `, lasted ${span(lasted)}`,
      ),
      ...fact(
        "Client sent",
        `${counted(info.frames[0], "frame")}, ${counted(info.messages[0], "message")}, ${size(info.bytes[0])}`,
      ),
      ...fact(
        "Server sent",
        `${counted(info.frames[1], "frame")}, ${counted(info.messages[1], "message")}, ${size(info.bytes[1])}`,
      ),
    );
  }

  /** @param {Conversation} conversation */
  #headers({ headers, request, response }) {
    const rows = headers.map(({ side, name, value, verdict, says, section: where }) =>
      el(
        "tr",
        { "data-verdict": verdict },
        el("td", {}, side),
        el("th", { scope: "row" }, name),
        el("td", {}, el("code", {}, value)),
        el("td", { class: "verdict" }, VERDICTS[verdict]),
        el("td", {}, says, where && el("span", { class: "tool-section" }, ` ${where}`)),
      ),
    );
    return el(
      "div",
      { class: "tool-scroll", tabIndex: 0, role: "region", "aria-label": "Headers" },
      el(
        "p",
        { class: "tool-note" },
        request !== null && this.#link(request, "The request"),
        request !== null && response !== null && " · ",
        response !== null && this.#link(response, "The answer"),
      ),
      table(["Side", "Header", "Value", "Judged", "Why"], rows),
    );
  }

  /** @param {Conversation} conversation */
  #masking({ masking }) {
    const { frames, distinct, repeated, verdict, says } = masking;
    return el(
      "div",
      {},
      el(
        "p",
        { "data-verdict": verdict },
        el("span", { class: "verdict" }, VERDICTS[verdict]),
        ` ${says} `,
        el("span", { class: "tool-note" }, `${counted(frames, "masked frame")}, ${counted(distinct, "key")}.`),
      ),
      ...repeated.map(({ key, rows }) =>
        el("p", {}, el("code", {}, key), ` in ${counted(rows.length, "frame")}: `, ...this.#links(rows)),
      ),
    );
  }

  /** @param {Conversation} conversation */
  #violations({ violations }) {
    if (violations.length === 0) return el("p", { class: "tool-note" }, "None.");
    return table(
      ["Rule", "Section", "Times", "First"],
      violations.map(({ name, section: where, count, firstRow }) =>
        el(
          "tr",
          { "data-verdict": "bad" },
          el("th", { scope: "row" }, `⚠ ${name}`),
          el("td", {}, where),
          el("td", { class: "cell-number" }, grouped(count)),
          el("td", {}, this.#link(firstRow, `no. ${grouped(firstRow + 1)}`)),
        ),
      ),
    );
  }

  /** @param {Conversation} conversation */
  #findings({ info: { findings } }) {
    if (findings.length === 0)
      return [el("p", { class: "tool-note" }, "Nothing else stands out, as far as this was captured.")];
    return findings.map(({ name, severity, section: where, row }) =>
      el(
        "p",
        { "data-verdict": severity === "warning" ? "bad" : "plain" },
        `${SIGNS[severity]} `,
        el("strong", {}, name),
        ` ${sentenceOf(name)} `,
        el("span", { class: "tool-section" }, `${where} `),
        this.#link(row, `no. ${grouped(row + 1)}`),
      ),
    );
  }

  /** @param {Conversation} conversation */
  #closing({ closing }) {
    const { code, reason, says, rows } = closing;
    return el(
      "p",
      {},
      says,
      code !== null && [" Code ", code, reason && `, “${reason}”`].filter(Boolean).join(""),
      " ",
      ...this.#links(rows),
    );
  }

  /** @param {number[]} rows */
  #links(rows) {
    const shown = rows.slice(0, 12).flatMap((row) => [this.#link(row, `no. ${grouped(row + 1)}`), " "]);
    return rows.length > 12 ? [...shown, `and ${rows.length - 12} more`] : shown;
  }

  /** @param {number} row @param {string} words */
  #link(row, words) {
    const button = el("button", { class: "link", type: "button" }, words);
    on(button, "click", () => this.#app.choose(row), this.#app.signal);
    return button;
  }
}

function nothing() {
  return el(
    "p",
    { class: "tool-empty" },
    "No connection yet. As soon as one is captured, this page says how it was opened, what was agreed on, and how it ended.",
  );
}

/** @param {Conversation} conversation */
function agreements({ agreed, subprotocol, headers }) {
  if (headers.length === 0) return [el("p", { class: "tool-note" }, "Not known: it stands in the handshake.")];
  const extensions =
    agreed.length === 0
      ? el("p", { class: "tool-note" }, "No extension was offered.")
      : table(
          ["Extension", "Offered", "Answered", "Why"],
          agreed.map(({ extension, offered, answered, says }) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, extension),
              el("td", {}, el("code", {}, offered)),
              el("td", {}, el("code", {}, answered || "–")),
              el("td", {}, says),
            ),
          ),
        );
  const offered = subprotocol.offered.length === 0 ? "none offered" : subprotocol.offered.join(", ");
  return [
    extensions,
    el(
      "p",
      {},
      `Subprotocol: ${subprotocol.chosen ?? "none"} `,
      el("span", { class: "tool-note" }, `(${offered}) ${subprotocol.says}`),
    ),
  ];
}

/** @param {Conversation} conversation */
function sent({ opcodes, compression }) {
  const kinds = table(
    ["Frames", "Way", "Count", "Payload"],
    opcodes.map(({ name, direction, count, bytes }) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, name),
        el("td", {}, WAYS[direction]),
        el("td", { class: "cell-number" }, grouped(count)),
        el("td", { class: "cell-number" }, size(bytes)),
      ),
    ),
  );
  const ratios = compression
    .filter(({ messages }) => messages > 0)
    .map(({ direction, messages, plain, wire, inflated }) =>
      el(
        "p",
        {},
        `${WAYS[direction]}: ${counted(messages, "compressed message")}, ${size(wire)} for ${size(inflated)}`,
        el("span", { class: "tool-note" }, ratioText(inflated / Math.max(1, wire), plain)),
      ),
    );
  return opcodes.length === 0 ? [el("p", { class: "tool-note" }, "Nothing.")] : [kinds, ...ratios];
}

/** @param {number} ratio how many times smaller @param {number} plain messages that went uncompressed beside them */
function ratioText(ratio, plain) {
  const beside = plain > 0 ? `; ${counted(plain, "more message")} went uncompressed` : "";
  if (ratio >= 1) return ` (${ratio.toFixed(1)} times smaller${beside})`;
  return ` (larger than without compression${beside})`;
}

/** @param {Conversation} conversation */
function tripsOf({ roundTrips }) {
  if (!roundTrips) return el("p", { class: "tool-note" }, "No ping and no pong.");
  const { count, min, median, max, unanswered, unsolicited } = roundTrips;
  const says = [];
  if (count > 0)
    says.push(`${counted(count, "round trip")}: least ${span(min)}, median ${span(median)}, most ${span(max)}.`);
  if (unanswered > 0)
    says.push(`${counted(unanswered, "ping")} without an answer; only the latest has to have one (RFC 6455, 5.5.3).`);
  if (unsolicited > 0) {
    const isSuspect = unanswered > 0 ? " Does the other end send back another payload than it got?" : "";
    says.push(
      `${counted(unsolicited, "pong")} with the payload of no open ping: a sign of life, or a mistake.${isSuspect}`,
    );
  }
  return el("p", {}, says.join(" "));
}

/** @param {string} title @param {...(Node | string)} content */
function section(title, ...content) {
  return el("section", { class: "tool-part" }, el("h3", { class: "tool-title" }, title), ...content);
}

/** @param {string[]} heads @param {HTMLElement[]} rows */
function table(heads, rows) {
  return el(
    "table",
    { class: "tool-table" },
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows),
  );
}

/** @param {string} name @param {...(Node | string | false | null | undefined)} value */
function fact(name, ...value) {
  return [el("dt", {}, name), el("dd", {}, ...value)];
}
