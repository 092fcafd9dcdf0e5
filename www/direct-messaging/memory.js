// @ts-check
// What this browser remembers for a user: how far they read with whom, and what they had begun to write.
// An entry for each conversation, so that two tabs do not write over each other.

/** @import { Kept } from "./conversations.js" */

/** @param {number} userId */
export function createMemory(userId) {
  const conversationKey = `framescope.direct ${userId} `;
  const draftKey = `framescope.draft ${userId} `;

  /** @param {string} name @returns {Kept | null} */
  const recall = (name) => read(load(conversationKey + name));

  return {
    recall,

    /** @param {string} name @param {Kept} kept */
    keep: (name, { read: ours, head, activeAt }) => {
      // Another tab may have looked further than this one has heard of.
      const theirs = recall(name)?.read ?? 0;
      const furthest = theirs > head ? ours : Math.max(ours, theirs);
      save(conversationKey + name, JSON.stringify([furthest, head, activeAt]));
    },

    /** @param {string} name */
    draft: (name) => load(draftKey + name) ?? "",

    /** @param {string} name @param {string} text */
    keepDraft: (name, text) => save(draftKey + name, text),

    /** Another tab kept something. @param {StorageEvent} event @returns {{ name: string, kept: Kept } | null} */
    heard: ({ key, newValue }) => {
      const kept = read(newValue);
      return key?.startsWith(conversationKey) && kept ? { name: key.slice(conversationKey.length), kept } : null;
    },
  };
}

/** @param {string | null} text @returns {Kept | null} */
function read(text) {
  try {
    const [read, head, activeAt] = JSON.parse(text ?? "null") ?? [];
    return [read, head, activeAt].every(Number.isFinite) ? { read, head, activeAt } : null;
  } catch {
    return null;
  }
}

/** @param {string} key */
function load(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    // A browser that keeps nothing for us.
    return null;
  }
}

/** @param {string} key @param {string} text */
function save(key, text) {
  try {
    if (text === "") localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // Full, or not allowed: then it lasts as long as the page.
  }
}
