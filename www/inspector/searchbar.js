// @ts-check
// Looking for something in all rows: text, bytes, a regular expression, or whatever a filter says. Rows that have it
// are shown as found; none are hidden.

import { byId, el, grouped, on } from "../lib/dom.js";

/** @import { SearchSpec } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/** @type {Record<SearchSpec["kind"], [string, string]>} */
const KINDS = {
  text: ["text", "Text to find"],
  hex: ["hex", "Bytes to find, as 48 65 6c"],
  regex: ["regex", "Regular expression, as err(or)?"],
  filter: ["filter", "Filter for what is to be found, as rtt > 50ms"],
};

/** Typing is waited for so long, in milliseconds: each search goes through all rows. */
const PATIENCE = 180;

export class SearchBar {
  #app;
  #bar = byId("search-bar", HTMLElement);
  #toggle = byId("find-toggle", HTMLButtonElement);
  #input = el("input", {
    class: "find-input",
    id: "find-input",
    type: "search",
    autocomplete: "off",
    spellcheck: false,
    "aria-describedby": "find-count",
    "aria-keyshortcuts": "f",
  });
  #kind = el(
    "select",
    { id: "find-kind", "aria-label": "What to look for" },
    ...Object.entries(KINDS).map(([value, [name]]) => el("option", { value }, name)),
  );
  #case = el(
    "button",
    { class: "quiet", type: "button", "aria-pressed": "false", "aria-label": "Match case", title: "Match case" },
    "Aa",
  );
  #previous = el(
    "button",
    { class: "quiet", type: "button", "aria-label": "Previous found row", title: "Previous (Shift Enter)" },
    "↑",
  );
  #next = el("button", { class: "quiet", type: "button", "aria-label": "Next found row", title: "Next (Enter)" }, "↓");
  #count = el("span", { class: "find-count", id: "find-count", role: "status" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #problem = "";

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    this.#bar.append(
      el("label", { class: "unseen", for: "find-input" }, "Search"),
      el("span", { class: "find-field" }, this.#input, this.#kind),
      this.#case,
      this.#previous,
      this.#next,
      this.#count,
    );
    const { signal } = app;
    on(this.#input, "input", () => this.#soon(), signal);
    on(this.#kind, "change", () => void this.#search(), signal);
    on(this.#previous, "click", () => void this.go(true), signal);
    on(this.#next, "click", () => void this.go(false), signal);
    on(
      this.#case,
      "click",
      () => {
        this.#app.search.matchCase = !this.#app.search.matchCase;
        void this.#search();
      },
      signal,
    );
    on(this.#input, "keydown", (event) => this.#key(event), signal);
    on(
      this.#toggle,
      "click",
      () => {
        const isShown = !this.#bar.hasAttribute("data-open");
        this.#show(isShown);
        if (isShown) this.focus();
      },
      signal,
    );
    app.on("status", () => this.#render());
    app.command({ id: "find", title: "Search in all rows", group: "Rows", keys: "f", run: () => this.focus() });
    const isLooking = () => this.#app.search.text !== "";
    app.command({
      id: "find-next",
      title: "The next row that was found",
      group: "Rows",
      keys: ".",
      run: () => void this.go(false),
      enabled: isLooking,
    });
    app.command({
      id: "find-previous",
      title: "The previous row that was found",
      group: "Rows",
      keys: ",",
      run: () => void this.go(true),
      enabled: isLooking,
    });
    this.#render();
  }

  focus() {
    this.#show(true);
    this.#input.focus();
    this.#input.select();
  }

  /** On a narrow screen it takes up room when it is wanted. @param {boolean} isShown */
  #show(isShown) {
    this.#bar.toggleAttribute("data-open", isShown);
    this.#toggle.setAttribute("aria-expanded", String(isShown));
  }

  /** Looks for this. @param {Partial<SearchSpec>} spec */
  async look(spec) {
    this.#app.search = { ...this.#app.search, ...spec };
    if (this.#app.search.text !== "") this.#show(true);
    this.#input.value = this.#app.search.text;
    this.#kind.value = this.#app.search.kind;
    await this.#search();
  }

  /** To the next row found, or the one before. @param {boolean} isBackwards */
  async go(isBackwards) {
    const app = this.#app;
    if (this.#timer !== undefined) await this.#search();
    const { status, chosenIndex, capture } = app;
    if (!status || this.#app.search.text === "") return;
    const from = chosenIndex ?? (isBackwards ? status.end : status.first - 1);
    const there = await capture.nextFound(from, isBackwards);
    // Round to the other end.
    const index = there ?? (await capture.nextFound(isBackwards ? status.end : -1, isBackwards));
    const isThere = index !== undefined && index === chosenIndex;
    // What was found is counted in all rows; one goes to those that are listed.
    const isHidden = (app.status?.search?.count ?? 0) > (isThere ? 1 : 0) && (index === undefined || isThere);
    if (index !== undefined) app.choose(index);
    if (isHidden) app.say(isThere ? "All others that were found are not listed" : "What was found is not listed");
    else if (index === undefined) app.say(app.status?.search?.done === false ? "Not found so far" : "Not found");
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#search(), PATIENCE);
  }

  async #search() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The cast: the select has these options and no others.
    const kind = /** @type {SearchSpec["kind"]} */ (this.#kind.value);
    this.#app.search = { ...this.#app.search, kind, text: this.#input.value };
    const problem = await this.#app.capture.setSearch(this.#app.search);
    this.#problem = problem?.message ?? "";
    this.#app.emit("search");
    this.#render();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      void this.go(event.shiftKey);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      byId("frames", HTMLElement).focus();
    }
  }

  #render() {
    const { kind, text, matchCase } = this.#app.search;
    const search = this.#app.status?.search ?? null;
    const [, words] = KINDS[kind];
    this.#input.placeholder = words;
    this.#input.setAttribute("aria-invalid", String(this.#problem !== ""));
    this.#case.setAttribute("aria-pressed", String(matchCase));
    this.#case.disabled = kind === "hex" || kind === "filter";
    const isLooking = text !== "" && this.#problem === "";
    this.#previous.disabled = !isLooking;
    this.#next.disabled = !isLooking;
    const shown =
      this.#problem !== ""
        ? this.#problem
        : !isLooking || !search
          ? ""
          : `${grouped(search.count)} found${search.done ? "" : " so far"}`;
    if (this.#count.textContent !== shown) this.#count.textContent = shown;
    this.#count.toggleAttribute("data-bad", this.#problem !== "");
  }
}
