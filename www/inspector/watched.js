// @ts-check
// Whose connections are watched: one's own, or, for the operator, everybody's. It stands on the page in so many words,
// since it is other people's bytes that may be seen.

import { ask } from "../lib/ask.js";
import { byId, on } from "../lib/dom.js";

/** @typedef {"own" | "all"} Scope */

/** What each is called. @type {Record<Scope, string>} */
export const SCOPE_NAMES = { own: "Your own connections", all: "All connections (operator)" };

export class Watched {
  /** @type {Scope} */
  #scope = "own";
  #isOperator = false;
  #changed;
  #bar = byId("watched", HTMLElement);
  #text = byId("watched-text", HTMLElement);
  #choice = byId("watched-choice", HTMLElement);
  #forget = byId("forget", HTMLButtonElement);

  /**
   * @param {object} options
   * @param {(scope: Scope, isFirst: boolean) => void} options.changed another scope holds, or the first does
   * @param {AbortSignal} options.signal
   */
  constructor({ changed, signal }) {
    this.#changed = changed;
    on(this.#choice, "change", () => this.#choose(this.#chosen()), signal);
    on(this.#forget, "click", () => void this.#giveBack(), signal);
  }

  get scope() {
    return this.#scope;
  }

  /** Finds out what there is to choose from, and begins with all of it, unless the address says otherwise. */
  async start() {
    this.#isOperator = (await isOperator()) === true;
    const narrows = new URLSearchParams(location.search).has("own");
    this.#scope = this.#isOperator && !narrows ? "all" : "own";
    this.#render();
    this.#changed(this.#scope, true);
  }

  /** The feed was lost: perhaps because this browser is the operator's no more. */
  async check() {
    if (!this.#isOperator || (await isOperator()) !== false) return;
    this.#isOperator = false;
    this.#choose("own");
  }

  #chosen() {
    return this.#choice.querySelector("input[value=all]:checked") ? "all" : "own";
  }

  /** @param {Scope} scope */
  #choose(scope) {
    const isOther = scope !== this.#scope;
    this.#scope = scope;
    const address = new URL(location.href);
    if (scope === "own" && this.#isOperator) address.searchParams.set("own", "");
    else address.searchParams.delete("own");
    history.replaceState(null, "", address.href.replace(/\bown=(?=&|#|$)/, "own"));
    this.#render();
    if (isOther) this.#changed(scope, false);
  }

  async #giveBack() {
    this.#forget.disabled = true;
    const answer = await ask("/api/operator/forget", { method: "POST" });
    this.#forget.disabled = false;
    if (!answer.isOk) return;
    this.#isOperator = false;
    this.#choose("own");
  }

  #render() {
    this.#bar.dataset.scope = this.#scope;
    this.#choice.hidden = !this.#isOperator;
    this.#forget.hidden = !this.#isOperator;
    this.#text.textContent = SCOPE_NAMES[this.#scope];
    this.#text.classList.toggle("unseen", this.#isOperator);
    for (const input of this.#choice.querySelectorAll("input")) input.checked = input.value === this.#scope;
  }
}

/** Whether this browser is the operator's; null if the server does not say. */
async function isOperator() {
  const { isOk, json } = await ask("/api/operator");
  if (!isOk) return null;
  return typeof json === "object" && json !== null && "operator" in json && json.operator === true;
}
