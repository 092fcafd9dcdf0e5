// @ts-check
// Plays the client's side of a captured conversation to a server, and collects the answers.

import { fromHex, random, toBase64 } from "./bytes.js";
import { asBytes, Line, requestOf } from "./line.js";
import { stepBytes } from "./script.js";

/** @import { App } from "../../app.js" */
/** @import { DissectedFrame } from "../../../pkg/client/framescope_wasm.js" */
/** @import { Place } from "./log.js" */
/** @import { Modules } from "./modules.js" */
/** @import { Recorder } from "./recorder.js" */
/** @import { Answer, Script } from "./script.js" */

/** @typedef {Answer & { place: Place }} Live */

/**
 * @typedef {object} Wishes
 * @property {"time" | "answers"} pace by the clock, or as fast as answers come
 * @property {number} factor of the captured times; 0 waits for nothing
 * @property {boolean} keepsKeys
 * @property {string} path
 */

/** How long an answer is waited for before the script goes on without it, in milliseconds. */
const ANSWER_PATIENCE = 5_000;
/** How long nothing may come before it is over. */
const QUIET = 1_500;
/** How long the server may take to close. */
const PARTING = 1_000;

/**
 * @param {object} run
 * @param {App} run.app
 * @param {Modules} run.modules
 * @param {Recorder} run.recorder
 * @param {string} run.url
 * @param {Script} run.script
 * @param {Wishes} run.wishes
 * @param {AbortSignal} run.signal stops it
 * @param {(done: number, came: number) => void} run.onProgress
 * @returns {Promise<{ answers: Live[], notes: string[] }>}
 */
export async function replay({ app, modules, recorder, url, script, wishes, signal, onProgress }) {
  /** @type {Live[]} */
  const answers = [];
  /** @type {string[]} */
  const notes = [];
  const from = app.status?.end ?? 0;
  let sent = 0;
  let wake = () => {};
  let isOver = false;
  /** What comes behind it is not compared. */
  let isDone = false;
  const { host, pathname, search } = new URL(url);
  const { protocols, extensions, headers } = script;
  const request = requestOf({
    host,
    path: pathname + search,
    key: toBase64(random(16)),
    protocols,
    extensions,
    headers,
  });
  const opened = Promise.withResolvers();
  const line = new Line({
    modules,
    recorder,
    url,
    request,
    answers: { pings: true, close: true },
    events: {
      head: (head) => {
        if (head.status !== 101) opened.reject(new Error(`Refused: ${head.startLine || "no HTTP"}`));
        else opened.resolve(undefined);
      },
      frame: (frame) => {
        const answer = isDone ? null : answerOf(frame);
        if (answer) {
          answers.push({
            ...answer,
            place: { recording: line.recording, from, direction: "s2c", number: line.frames.come },
          });
          onProgress(sent, answers.length);
        }
        wake();
      },
      ended: () => {
        isOver = true;
        line.end();
        wake();
      },
      closed: (why) => {
        isOver = true;
        if (why) notes.push(`The connection was lost: ${why}`);
        opened.reject(new Error(why ?? "Closed before it was open."));
        wake();
      },
    },
  });
  const stop = () => {
    isOver = true;
    opened.reject(new Error("Stopped."));
    wake();
  };
  signal.addEventListener("abort", stop);
  /** Until it is so, or so many milliseconds have passed. @param {() => boolean} isSo @param {number} milliseconds */
  const until = async (isSo, milliseconds) => {
    const end = performance.now() + milliseconds;
    while (!isSo() && !isOver) {
      const left = end - performance.now();
      if (left <= 0) return false;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
    return isSo();
  };

  try {
    opened.promise.catch(() => {});
    await line.open();
    const timer = setTimeout(() => opened.reject(new Error("No answer to the opening handshake.")), 10_000);
    await opened.promise.finally(() => clearTimeout(timer));
    const began = performance.now();
    const windowBits = line.head?.deflate?.clientMaxWindowBits ?? null;
    for (const step of script.steps) {
      if (wishes.pace === "time") await until(() => false, began + step.at * wishes.factor - performance.now());
      else if (!(await until(() => answers.length >= step.answersBefore, ANSWER_PATIENCE)) && !isOver)
        notes.push(`No. ${step.row.index + 1} was sent without the answer that came before it.`);
      if (isOver) break;
      const bytes = stepBytes(step, modules, { keepsKeys: wishes.keepsKeys, windowBits });
      const isClose = step.item?.type === "frame" && step.item.opcode === 8;
      if (!(await line.send(bytes, { frames: 1, isClose }))) break;
      sent += 1;
      onProgress(sent, answers.length);
    }
    if (sent < script.steps.length && !signal.aborted)
      notes.push(`The server ended it: ${script.steps.length - sent} of the client’s frames were not sent.`);
    // What is missing may still come; so may what is too much.
    let seen = -1;
    while (!isOver && answers.length !== seen) {
      seen = answers.length;
      await until(() => answers.length > seen, answers.length < script.answers.length ? ANSWER_PATIENCE : QUIET);
    }
    return { answers, notes };
  } finally {
    signal.removeEventListener("abort", stop);
    isDone = true;
    if (!isOver && line.state === "open" && !line.saidClose) {
      const close = new modules.WebSocketFrame(8, Uint8Array.of(3, 232));
      close.masked = true;
      void line.send(asBytes(close.toBytes()), { frames: 1, isClose: true });
      close.free();
      await until(() => false, PARTING);
    }
    line.cut();
  }
}

/** @param {DissectedFrame} frame @returns {Answer | null} */
function answerOf({ header, payload, message }) {
  if (header.opcode === 10) return { kind: "pong", bytes: fromHex(payload), row: null };
  if (header.opcode === 8) return { kind: "close", bytes: fromHex(payload), row: null };
  if (header.opcode === 9 || !message?.kind) return null;
  return { kind: message.kind, bytes: fromHex(message.payload), row: null };
}
