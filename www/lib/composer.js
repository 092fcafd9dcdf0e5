// @ts-check
// What people type into the field below a conversation.

/** Bytes that the server takes as one message. */
const TEXT_MAX = 64 * 1024;

/**
 * What the server would keep of what was typed, and what is wrong with it, or nothing.
 *
 * @param {string} typed
 * @returns {{ words: string, trouble: string }}
 */
export function written(typed) {
  const words = typed.replaceAll("\0", "").toWellFormed();
  const over = new TextEncoder().encode(words).length - TEXT_MAX;
  const trouble = `A message has room for ${TEXT_MAX / 1024} KiB; this is ${over.toLocaleString("en")} bytes too long.`;
  return { words, trouble: over > 0 ? trouble : "" };
}
