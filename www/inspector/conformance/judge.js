// @ts-check
// Runs one case, and says what to think of the answer.

import { brief, isSame, preview, utf8 } from "../tools/lab/bytes.js";
import { close, ping } from "./build.js";
import { PATIENCE, Talk } from "./talk.js";

/** @import { Case, Expected } from "./build.js" */
/** @import { Place } from "./talk.js" */

/** @typedef {"pass" | "non-strict" | "fail" | "skipped"} Verdict */
/** @typedef {{ verdict: Verdict, reason: string }} Judgement */
/** @typedef {Judgement & { id: string, ms: number, handle: number | null }} Result */
/** What a server turned out to do. @typedef {{ echoes: boolean, deflates: boolean, takesOver: boolean }} Known */

/** How long the stream may stay open behind the closing handshake, in milliseconds. */
const LINGER = 3_000;
/** How long a server that took something wrong may think before it is asked whether it goes on. */
const SILENCE = 600;
/** RFC 6455, 7.1.1 gives no number; a server that holds on to a dead connection for longer can be filled with them. */
const GONE = 10_000;
/** With these an application says that it is not what it wanted. */
const REFUSALS = [1003, 1007, 1008, 1011];

const pass = (reason = "") => /** @type {Judgement} */ ({ verdict: "pass", reason });
const lax = (/** @type {string} */ reason) => /** @type {Judgement} */ ({ verdict: "non-strict", reason });
const fail = (/** @type {string} */ reason) => /** @type {Judgement} */ ({ verdict: "fail", reason });
const skip = (/** @type {string} */ reason) => /** @type {Judgement} */ ({ verdict: "skipped", reason });

/**
 * Whether a server is there, sends back what it gets, and compresses.
 *
 * @param {Place} place
 * @returns {Promise<Known>}
 * @throws with words, if there is no WebSocket to be had
 */
export async function probe(place) {
  const talk = new Talk(place, /** @type {Case} */ ({ offer: "permessage-deflate" }));
  try {
    await talk.open();
    if (talk.head?.status !== 101) throw new Error(noSocket(talk));
    const words = `Framescope asks ${Math.random().toString(36).slice(2)}`;
    await talk.send([{ opcode: 1, payload: words }]);
    const isBack = () => talk.messages.some(({ bytes }) => isSame(bytes, utf8(words)));
    await talk.until(() => isBack() || talk.close !== null || talk.messages.length > 8, 1_500);
    const { deflate } = talk.head;
    return { echoes: isBack(), deflates: deflate !== null, takesOver: deflate?.clientNoContextTakeover === false };
  } finally {
    await bye(talk);
  }
}

/**
 * @param {Case} one
 * @param {Place} place
 * @param {Known} known
 * @returns {Promise<Result>}
 */
export async function runCase(one, place, known) {
  const began = performance.now();
  const unasked = whyNot(one, known);
  if (unasked) return { id: one.id, ms: 0, handle: null, ...skip(unasked) };
  const talk = new Talk(place, one);
  try {
    const judgement = await judge(one, talk, known);
    const isSound = judgement.verdict === "pass" || judgement.verdict === "non-strict";
    const told = isSound && talk.faults[0] ? fail(talk.faults[0]) : judgement;
    return { id: one.id, ms: performance.now() - began, handle: await talk.recording.handle(), ...told };
  } finally {
    await bye(talk);
  }
}

/** @param {Case} one @param {Known} known */
function whyNot(one, known) {
  if (one.needsDeflate && !known.deflates) return "The server does not compress.";
  if (one.needsTakeover && !known.takesOver) return "The server has clients forget between messages.";
  if (one.needsEcho && !known.echoes) return "The server does not send back what it gets.";
  return null;
}

/** @param {Case} one @param {Talk} talk @param {Known} known @returns {Promise<Judgement>} */
async function judge(one, talk, known) {
  const { expect, send = [] } = one;
  const isSentWith = one.cut === "one";
  await talk.open(one.cut, isSentWith ? send : []);
  const opened = judgeOpening(expect, talk);
  if (opened) return opened;
  if (!isSentWith) await talk.send(send);
  /** @type {((expect: Expected, talk: Talk, known: Known) => Promise<Judgement | null>)[]} */
  const all = [judgePongs, judgeEcho, judgeClose, judgeClosed, judgeGone];
  for (const each of all) {
    const found = await each(expect, talk, known);
    if (found && found.verdict !== "pass") return found;
  }
  return pass(openWords(expect, talk));
}

/** What the answer to the handshake is worth; null if that is open and there is more to see. @param {Expected} expect @param {Talk} talk */
function judgeOpening(expect, talk) {
  const { head } = talk;
  const isRefusal = expect.status !== undefined;
  if (!head) {
    if (talk.isOver)
      return expect.drop ? pass("Closed without an answer.") : fail(`closed without an answer${because(talk)}`);
    return fail(`no answer within ${PATIENCE / 1000} s`);
  }
  const status = head.status ?? 0;
  if (status !== 101) {
    if (!isRefusal) return fail(`refused with ${head.startLine}`);
    if (expect.status?.includes(status)) return judgeHeader(expect, talk);
    if (expect.late?.includes(status)) return lax(`${status}, and not ${expect.status?.join(" or ")}`);
    return expect.drop && head.status === null
      ? pass("Something that is no HTTP.")
      : fail(`${status || "no HTTP"}, and not ${expect.status?.join(" or ")}`);
  }
  if (isRefusal && !expect.opens) return fail(`opened (101), and not refused with ${expect.status?.join(" or ")}`);
  if (expect.late?.includes(101)) return lax(`opened (101), and not refused with ${expect.status?.join(" or ")}`);
  const [finding] = head.findings;
  if (finding) return fail(`its 101 breaks ${finding.rule} (${finding.section})`);
  return judgeAgreed(expect, talk);
}

/** @param {Expected} expect @param {Talk} talk */
function judgeHeader({ header, status }, { head }) {
  if (!header || status?.[0] !== head?.status) return pass(head?.startLine);
  const value = head?.headers.find(([name]) => name.toLowerCase() === header[0])?.[1];
  if (value !== undefined && header[1].test(value)) return pass(`${head?.startLine}, ${header[0]}: ${value}`);
  return fail(`${head?.startLine}, but without ${header[0]}: 13`);
}

/** @param {Expected} expect @param {Talk} talk */
function judgeAgreed({ deflate, protocol }, { head }) {
  const value = (/** @type {string} */ wanted) =>
    head?.headers
      .filter(([name]) => name.toLowerCase() === wanted)
      .map(([, text]) => text)
      .join(", ") ?? "";
  const extensions = value("sec-websocket-extensions");
  if (deflate === "declined" && extensions.includes("permessage-deflate")) return fail(`agreed to it: ${extensions}`);
  if (deflate === "agreed" && !head?.deflate) return fail("did not agree to the legal offer");
  const chosen = value("sec-websocket-protocol");
  if (protocol !== undefined && chosen !== protocol) return lax(`agreed to the subprotocol “${chosen}”`);
  return null;
}

/** @param {Expected} expect @param {Talk} talk @returns {Promise<Judgement | null>} */
async function judgePongs({ pongs }, talk) {
  if (!pongs) return null;
  const wanted = pongs.map(asBytes);
  const last = /** @type {Uint8Array} */ (wanted.at(-1));
  await talk.until(() => talk.pongs.some((pong) => isSame(pong, last)) || talk.isOver, PATIENCE);
  let at = 0;
  for (const pong of talk.pongs) {
    const found = wanted.findIndex((each, place) => place >= at && isSame(each, pong));
    if (found < 0) return fail(`a pong with ${said(pong)}, which no ping had`);
    at = found + 1;
  }
  return at === wanted.length
    ? pass()
    : fail(`no pong with ${said(last)}${talk.close ? `, but Close ${talk.close.code}` : because(talk)}`);
}

/** @param {Expected} expect @param {Talk} talk @param {Known} known @returns {Promise<Judgement | null>} */
async function judgeEcho({ echo, opens, mayRefuse, isBinary, closed }, talk, known) {
  if (!echo && !opens) return null;
  if (!echo || !known.echoes) {
    if (closed) return null;
    const words = `still there ${Math.random().toString(36).slice(2, 8)}`;
    await talk.send([ping(words)]);
    await talk.until(() => talk.pongs.some((pong) => isSame(pong, utf8(words))) || talk.isOver, PATIENCE);
    if (talk.pongs.some((pong) => isSame(pong, utf8(words)))) return pass();
    if (mayRefuse && talk.close && REFUSALS.includes(talk.close.code))
      return skip(`The application refuses such a message: Close ${talk.close.code}${reasonOf(talk)}.`);
    return fail(`does not go on: ${outcome(talk)}`);
  }
  await talk.until(() => talk.messages.length >= echo.length || talk.isOver, PATIENCE);
  for (const [place, wanted] of echo.entries()) {
    const message = talk.messages[place];
    if (!message) return fail(`no message ${place + 1} of ${echo.length} back: ${outcome(talk)}`);
    if (!isSame(message.bytes, asBytes(wanted)))
      return fail(`sent back ${said(message.bytes)}, not ${said(asBytes(wanted))}`);
    if (isBinary && message.kind !== "binary") return fail("sent back binary as text");
  }
  return talk.messages.length > echo.length ? fail("sent back more than it got") : pass();
}

/** @param {Expected} expect @param {Talk} talk @returns {Promise<Judgement | null>} */
async function judgeClose(expect, talk) {
  const { close: strict, tolerated = [], within, then } = expect;
  if (!strict) return null;
  const began = performance.now();
  const isAnswered = () => talk.close !== null || talk.isOver;
  if (!(await talk.until(isAnswered, within ?? SILENCE))) {
    if (then) {
      await talk.send(then);
      await talk.until(isAnswered, PATIENCE);
      if (talk.close && strict.includes(talk.close.code))
        return lax(`Close ${talk.close.code}, but only once the message was whole`);
    } else {
      const words = "and now?";
      await talk.send([ping(words)]);
      await talk.until(() => isAnswered() || talk.pongs.some((pong) => isSame(pong, utf8(words))), PATIENCE);
      if (!isAnswered() && talk.pongs.length > 0)
        return fail(
          `took it, and went on${talk.messages[0] ? `: it answered with ${said(talk.messages[0].bytes)}` : ""}`,
        );
    }
  }
  if (!talk.close)
    return fail(
      talk.isOver
        ? `closed the stream without a Close${because(talk)}`
        : `no Close within ${Math.round((performance.now() - began) / 1000)} s`,
    );
  const { code } = talk.close;
  if (!strict.includes(code) && !tolerated.includes(code))
    return fail(`Close ${code}${reasonOf(talk)}, and not ${strict.join(" or ")}`);
  const ended = await judgeEnd(expect, talk);
  if (ended) return ended;
  return tolerated.includes(code) ? lax(`Close ${code}, and not ${strict.join(" or ")}`) : pass();
}

/** Behind its Close a server ends the stream. @param {Expected} expect @param {Talk} talk */
async function judgeEnd({ noReset }, talk) {
  await talk.until(() => talk.isOver, LINGER);
  if (!talk.isOver) return lax(`Close ${talk.close?.code}, but the stream is still open ${LINGER / 1000} s later`);
  if (talk.gone && !talk.hasEnded)
    return (noReset ? fail : lax)(`Close ${talk.close?.code}, and then the stream was torn down: ${talk.gone}`);
  return null;
}

/** @param {Expected} expect @param {Talk} talk @returns {Promise<Judgement | null>} */
async function judgeClosed(expect, talk) {
  const { closed } = expect;
  if (!closed) return null;
  await talk.until(() => talk.close !== null || talk.isOver, PATIENCE);
  if (!talk.close)
    return fail(
      talk.isOver ? `closed the stream without a Close${because(talk)}` : `no Close within ${PATIENCE / 1000} s`,
    );
  if (!closed.includes(talk.close.code))
    return fail(`Close ${talk.close.code}${reasonOf(talk)}, and not ${closed.join(" or ")}`);
  return await judgeEnd(expect, talk);
}

/** @param {Expected} expect @param {Talk} talk @returns {Promise<Judgement | null>} */
async function judgeGone({ gone }, talk) {
  if (!gone) return null;
  await talk.until(() => talk.isOver, GONE);
  return talk.isOver ? pass() : fail(`the stream is still open ${GONE / 1000} s later`);
}

/** Parts as one should. @param {Talk} talk */
async function bye(talk) {
  if (talk.head?.status === 101 && !talk.close && !talk.isOver) {
    await talk.send([close(1000)]);
    await talk.until(() => talk.isOver, 500);
  }
  talk.cut();
}

/** @param {Expected} expect @param {Talk} talk */
function openWords({ close: strict, closed, opens }, talk) {
  if (strict || closed) return `Close ${talk.close?.code}${reasonOf(talk)}.`;
  return opens ? `${talk.head?.startLine}.` : "";
}

/** @param {Talk} talk */
function outcome(talk) {
  if (talk.close) return `Close ${talk.close.code}${reasonOf(talk)}`;
  return talk.isOver ? `the stream ended${because(talk)}` : `nothing within ${PATIENCE / 1000} s`;
}

/** @param {Talk} talk */
function noSocket(talk) {
  if (talk.head) return `No WebSocket there: ${talk.head.startLine}`;
  return talk.gone ? `Cannot be reached: ${talk.gone}` : "No answer to the opening handshake.";
}

/** @param {Talk} talk */
function because({ gone }) {
  return gone ? `: ${gone}` : "";
}

/** @param {Talk} talk */
function reasonOf({ close }) {
  return close?.reason ? ` “${brief(close.reason, 60)}”` : "";
}

/** @param {string | Uint8Array} what */
function asBytes(what) {
  return typeof what === "string" ? utf8(what) : what;
}

/** @param {Uint8Array} bytes */
function said(bytes) {
  return bytes.length === 0 ? "nothing in it" : `“${preview(bytes, 40)}”`;
}
