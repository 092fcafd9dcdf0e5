// @ts-check
// A run: cases one beside the other, a few at a time, until all are done or it is stopped.

import { probe, runCase } from "./judge.js";

/** @import { Modules } from "../tools/lab/modules.js" */
/** @import { Recorder } from "../tools/lab/recorder.js" */
/** @import { Case } from "./build.js" */
/** @import { Known, Result } from "./judge.js" */

/** Connections at once: a server that serves people besides must not notice, and one case must not wait for another. */
const AT_ONCE = 4;

/**
 * @typedef {object} Run
 * @property {Case[]} cases
 * @property {Modules} modules
 * @property {Recorder} recorder
 * @property {string} url
 * @property {boolean | null} echoes whether the server sends back what it gets; null finds out
 * @property {AbortSignal} signal
 * @property {(known: Known) => void} onKnown
 * @property {(one: Case) => void} onBegun
 * @property {(one: Case, result: Result) => void} onDone
 */

/**
 * Runs these cases, and resolves when the last is done.
 *
 * @param {Run} run
 * @throws with words, if there is no WebSocket to be had at all
 */
export async function runAll({ cases, modules, recorder, url, echoes, signal, onKnown, onBegun, onDone }) {
  const place = { modules, recorder, url, signal };
  const found = await probe(place);
  const known = { ...found, echoes: echoes ?? found.echoes };
  onKnown(known);
  const waiting = [...cases];
  const work = async () => {
    for (let one = waiting.shift(); one && !signal.aborted; one = waiting.shift()) {
      onBegun(one);
      const result = await runCase(one, place, known);
      if (!signal.aborted) onDone(one, result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
