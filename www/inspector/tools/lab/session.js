// @ts-check
// The lab's connection: opened, written to and told about. One at a time.

import { brief } from "./bytes.js";
import { asBytes, Line } from "./line.js";

/** @import { App } from "../../app.js" */
/** @import { Bytes } from "./bytes.js" */
/** @import { Log, Place } from "./log.js" */
/** @import { Modules } from "./modules.js" */
/** @import { Recorder } from "./recorder.js" */
/** @import { Write } from "./writes.js" */

/** How long an answer to the opening handshake is waited for, in milliseconds. */
const PATIENCE = 10_000;

export class Session {
  /** In words, how it stands. */
  words = "No connection";
  #app;
  #recorder;
  #log;
  #changed;
  /** @type {Line | null} */
  #line = null;
  /** Rows of the connection begin here at the earliest. */
  #from = 0;
  /** Stops what is being sent. */
  #sending = new AbortController();

  /** @param {App} app @param {Recorder} recorder @param {Log} log @param {() => void} changed */
  constructor(app, recorder, log, changed) {
    this.#app = app;
    this.#recorder = recorder;
    this.#log = log;
    this.#changed = changed;
  }

  /** @returns {Line["state"] | "none"} */
  get state() {
    return this.#line?.state ?? "none";
  }

  /** Whether bytes may be sent: also on what did not become a WebSocket, while it is not closed. */
  get isOpen() {
    return this.state === "open" || this.state === "refused" || this.state === "asked";
  }

  /** What was agreed on about compression. */
  get deflate() {
    return this.state === "open" ? (this.#line?.head?.deflate ?? null) : null;
  }

  /**
   * Opens a connection; resolves when the handshake was answered, or will not be.
   *
   * @param {Modules} modules
   * @param {string} url
   * @param {Bytes} request
   * @param {{ pings: boolean, close: boolean, isByteByByte: boolean }} how
   */
  async connect(modules, url, request, { pings, close, isByteByByte }) {
    this.cut();
    this.#from = this.#app.status?.end ?? 0;
    this.#log.begin();
    const answered = Promise.withResolvers();
    // Stands there for good: why there is no connection matters more than that it has ended.
    let refused = "";
    const line = new Line({
      modules,
      recorder: this.#recorder,
      url,
      request,
      answers: { pings, close },
      events: {
        head: (head) => {
          const rules = head.findings.map(({ rule, section }) => `${rule} (${section})`);
          const kind = rules.length > 0 ? "bad" : "head";
          this.#log.add(
            kind,
            "response",
            [head.startLine || "no HTTP", ...rules].join(" · "),
            this.#place(line, "s2c", 0),
          );
          if (line.state !== "open") refused = `Refused: ${brief(head.startLine || "no HTTP", 60)}`;
          this.#become(line, refused || openWords(head));
          answered.resolve(undefined);
        },
        frame: (frame) => this.#log.came(frame, this.#place(line, "s2c", line.frames.come)),
        sent: (_, isAutomatic) => {
          if (isAutomatic)
            this.#log.add(
              "sent",
              line.saidClose ? "close" : "pong",
              "by itself",
              this.#place(line, "c2s", line.frames.sent),
            );
        },
        ended: () => {
          this.#log.add("note", "end", "The server has sent all it had.");
          // With a Close both ways, or without a WebSocket, there is nothing left to say.
          if (line.saidClose || line.state !== "open") line.end();
          this.#become(line, refused || (line.saidClose ? "Closed" : "The server has ended its side"));
        },
        closed: (why) => {
          if (line.state === "closed" && line.head?.status !== 101 && line.body.trim() !== "")
            this.#log.add("note", "body", brief(line.body, 300));
          this.#log.add(why ? "bad" : "note", "closed", why ?? "");
          this.#become(line, refused || (why ? `Lost: ${brief(why, 80)}` : "Closed"));
          answered.resolve(undefined);
        },
      },
    });
    this.#line = line;
    this.#become(line, "Opening");
    this.#log.add(
      "sent",
      "request",
      brief(new TextDecoder().decode(request.subarray(0, 200)).split("\r\n")[0] ?? "", 100),
      this.#place(line, "c2s", 0),
    );
    const timer = setTimeout(() => {
      if (line.state === "asked") this.#log.add("bad", "silence", `No answer within ${PATIENCE / 1000} s.`);
      answered.resolve(undefined);
    }, PATIENCE);
    void line
      .open((bytes) => (isByteByByte ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : [bytes]))
      .then(() => this.#changed());
    await answered.promise;
    clearTimeout(timer);
    return line.state === "open";
  }

  /**
   * Writes these, one after the other; resolves with how many went out.
   *
   * @param {Write[]} writes
   * @param {{ name: string, text: string }[]} items words for each frame, in their order
   */
  async send(writes, items) {
    const line = this.#line;
    if (!line || line.isClosed) return 0;
    this.#sending = new AbortController();
    const { signal } = this.#sending;
    const count = items.length;
    this.#log.add(
      "note",
      "send",
      `${count === 1 ? "1 frame" : `${count} frames`} in ${writes.length === 1 ? "1 write" : `${writes.length} writes`}`,
    );
    let sent = 0;
    let at = 0;
    for (const { bytes, pause, frames, isClose } of writes) {
      if (pause > 0) await wait(pause, signal);
      if (signal.aborted || !(await line.send(bytes, { frames: 0, isClose }))) break;
      sent += 1;
      for (let ended = 0; ended < frames; ended += 1) {
        const item = items[at];
        at += 1;
        line.frames.sent += 1;
        if (item) this.#log.add("sent", item.name, item.text, this.#place(line, "c2s", line.frames.sent));
      }
    }
    if (sent < writes.length)
      this.#log.add(
        "bad",
        "not sent",
        `${writes.length - sent} of ${writes.length} writes: ${signal.aborted ? "stopped" : "the connection is gone"}.`,
      );
    return sent;
  }

  /** Sends no more of what is being sent. */
  stop() {
    this.#sending.abort();
  }

  /** Begins the closing handshake, with status 1000. @param {Modules} modules */
  async close(modules) {
    const frame = new modules.WebSocketFrame(8, Uint8Array.of(3, 232));
    frame.masked = true;
    const bytes = asBytes(frame.toBytes());
    frame.free();
    await this.send([{ bytes, pause: 0, frames: 1, isClose: true }], [{ name: "close", text: "1000" }]);
  }

  /** Ends our side of the stream, without a Close. */
  end() {
    this.#line?.end();
    this.#log.add("note", "end", "Our side has sent all it had.");
  }

  /** Cuts the connection, if there is one. */
  cut() {
    this.stop();
    this.#line?.cut();
  }

  /** @param {Line} line @param {"c2s" | "s2c"} direction @param {number} number @returns {Place} */
  #place(line, direction, number) {
    return { recording: line.recording, from: this.#from, direction, number };
  }

  /** @param {Line} line @param {string} words */
  #become(line, words) {
    if (this.#line !== line) return;
    this.words = words;
    this.#changed();
  }
}

/** @param {import("../../../pkg/client/framescope_wasm.js").AnswerHead} head */
function openWords({ deflate, subprotocol }) {
  const parts = ["Open"];
  if (deflate) parts.push(`compression, client window ${deflate.clientMaxWindowBits} bits`);
  if (subprotocol) parts.push(`subprotocol ${subprotocol}`);
  return parts.join(" · ");
}

/** @param {number} milliseconds @param {AbortSignal} signal */
function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
