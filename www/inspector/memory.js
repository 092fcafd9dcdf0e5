// @ts-check
// What the page remembers of its reader's wishes: sizes, filters, colours. A browser that keeps nothing is as good.

const PREFIX = "framescope.inspector.";

/**
 * @template T
 * @param {string} name
 * @param {T} fallback what holds until something else was kept
 * @param {(value: unknown) => T | null} read makes sense of what was kept, perhaps by another version of this page;
 *   null if there is none in it
 * @returns {T}
 */
export function remembered(name, fallback, read) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return (text === null ? null : read(JSON.parse(text))) ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} name @param {unknown} value null to forget it */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Nothing is kept, then.
  }
}

/** @param {unknown} value */
export const asNumber = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
/** @param {unknown} value */
export const asBoolean = (value) => (typeof value === "boolean" ? value : null);
/** @param {unknown} value */
export const asText = (value) => (typeof value === "string" ? value : null);

/**
 * A list of whatever `read` finds sense in.
 *
 * @template T
 * @param {(value: unknown) => T | null} read
 * @returns {(value: unknown) => T[] | null}
 */
export function asList(read) {
  return (value) =>
    Array.isArray(value)
      ? value.flatMap((one) => {
          const made = read(one);
          return made === null ? [] : [made];
        })
      : null;
}

/** @param {unknown} value @returns {Record<string, unknown> | null} */
export function asObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? /** @type {Record<string, unknown>} */ (value)
    : null;
}
