// @ts-check
// What is wrong with a connection that no single frame shows, in sentences. The names are the codec's.

/** @import { Found } from "./app.js" */

/** What each means, and why it matters. @type {Record<Found["name"], string>} */
export const SENTENCES = {
  "predictable-handshake-key":
    "The Sec-WebSocket-Key is not random. Nobody is in danger, but an old answer would be taken for a new one.",
  "zero-masking-key":
    "The client masks with 00000000, which leaves the payload as it is: whoever writes it chooses the bytes on the wire.",
  "repeated-masking-key":
    "The client uses a masking key more than once; each frame needs a fresh one, which nobody can foresee.",
  "predictable-masking-key":
    "The client’s masking keys follow from each other, or have too little in them: whoever writes the payload can choose the bytes on the wire.",
  "unanswered-ping":
    "Pings get no pong, although there was time for it: that end does not answer, or is not there any more.",
};

/** Their signs: a warning, or only worth a note. @type {Record<Found["severity"], string>} */
export const SIGNS = { warning: "⚑", note: "⚐" };

/** A finding by its name, in a few words; of one that is not known, its name. @param {string} name */
export function sentenceOf(name) {
  return SENTENCES[/** @type {Found["name"]} */ (name)] ?? name;
}
