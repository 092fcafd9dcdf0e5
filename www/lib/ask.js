// @ts-check
// Asking the server something over plain HTTP. Never throws: no answer is an answer, too.

/**
 * @typedef {object} Reply
 * @property {number} status 0 when there was no answer
 * @property {boolean} isOk
 * @property {string} text the body, if it was text
 * @property {unknown} json the body, if it was JSON
 * @property {number | null} retryAfter seconds, where the server said so
 */

/** Long enough for a queue of password hashes, short enough for a person. */
const PATIENCE = 20_000;

/**
 * @param {string} path
 * @param {{ method?: string, form?: Record<string, string>, json?: unknown, signal?: AbortSignal }} [question]
 *   `form` and `json` make it a POST
 * @returns {Promise<Reply>}
 */
export async function ask(path, { method, form, json, signal } = {}) {
  const body = form ? new URLSearchParams(form) : json === undefined ? undefined : JSON.stringify(json);
  const patience = AbortSignal.timeout(PATIENCE);
  try {
    const answer = await fetch(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      body: body ?? null,
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      // Asked each time, but what has not changed need not be sent again.
      cache: "no-cache",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    const text = await answer.text();
    return {
      status: answer.status,
      isOk: answer.ok,
      text,
      json: answer.headers.get("Content-Type")?.startsWith("application/json") ? parsed(text) : undefined,
      retryAfter: seconds(answer.headers.get("Retry-After")),
    };
  } catch {
    return { status: 0, isOk: false, text: "", json: undefined, retryAfter: null };
  }
}

/** @param {string} text @returns {unknown} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {string | null} header */
function seconds(header) {
  if (header === null) return null;
  const count = Number(header);
  const found = Number.isNaN(count) ? (Date.parse(header) - Date.now()) / 1000 : count;
  return Number.isFinite(found) ? Math.max(1, Math.ceil(found)) : null;
}
