// @ts-check
// The page's tools: which there are, where each has its place, and their life. A tool's module is loaded when it is
// first opened, so that nobody waits for what they do not use.
//
// To add one: put its module into tools/, and a line here.

import { byId, el, on } from "../lib/dom.js";

/** @import { Inspector } from "./inspector.js" */
/** @import { Tool, ToolModule } from "./app.js" */

/**
 * @typedef {object} Listed
 * @property {string} name
 * @property {string} title
 * @property {"dock" | "strip" | "dialog"} place beside the frame; above the list; over the page
 * @property {string} keys
 * @property {string} says what it is for, in the palette
 * @property {() => Promise<ToolModule>} load
 */

/** In the order of their tabs. @type {Listed[]} */
export const TOOLS = [
  {
    name: "timeline",
    title: "Timeline",
    place: "strip",
    keys: "g",
    says: "rate, sizes and round trips over time",
    load: () => import("./tools/timeline.js"),
  },
  {
    name: "conversation",
    title: "Conversation",
    place: "dock",
    keys: "i",
    says: "one connection as a whole: its handshake judged, what was agreed on, how it ended, all that was said",
    load: () => import("./tools/conversation.js"),
  },
  {
    name: "compare",
    title: "Compare",
    place: "dock",
    keys: "=",
    says: "two marked frames, or two connections",
    load: () => import("./tools/compare.js"),
  },
  {
    name: "lab",
    title: "Lab",
    place: "dock",
    keys: "Shift+L",
    says: "make frames by hand, send them, and see what comes back",
    load: () => import("./tools/lab.js"),
  },
  {
    name: "conformance",
    title: "Conformance",
    place: "dock",
    keys: "",
    says: "ask a server some 160 cases, and see which rules it keeps",
    load: () => import("./tools/conformance.js"),
  },
  {
    name: "intercept",
    title: "Intercept",
    place: "dock",
    keys: "",
    says: "hold frames on their way, then forward, edit or drop them; put others in",
    load: () => import("./tools/intercept.js"),
  },
  {
    name: "export",
    title: "Export",
    place: "dialog",
    keys: "Shift+E",
    says: "all, what is listed, or what is marked, as pcapng, HAR or JSON lines",
    load: () => import("./tools/export.js"),
  },
];

/** @typedef {{ listed: Listed, root: HTMLElement, tool: Tool | null, isShown: boolean }} Place */

/** What the dock shows when it shows no tool. */
const FRAME = "frame";

export class Tools {
  #app;
  /** @type {Map<string, Place>} */
  #places = new Map();
  #bar = byId("dock-bar", HTMLElement);
  #dock = byId("dock", HTMLElement);
  #strips = byId("strips", HTMLElement);
  /** What opens the tools that have no tab. */
  #others = el("div", { class: "dock-others push", role: "group", "aria-label": "More tools" });
  /** What the dock shows. */
  #inDock = FRAME;
  /** Called when the dock shows something else. @type {(name: string) => void} */
  onShown = () => {};

  /** @param {Inspector} app */
  constructor(app) {
    this.#app = app;
    this.#bar.append(this.#others);
    for (const listed of TOOLS) this.#places.set(listed.name, this.#placeOf(listed));
    this.#bar.hidden = !TOOLS.some(({ place }) => place === "dock");
    this.#listen();
    this.#renderDock();
    app.on("status", () => this.#tell("changed"));
    app.on("chosen", () => this.#tell("chosen"));
  }

  /** @param {string} name @param {unknown} [argument] */
  async open(name, argument) {
    const place = this.#places.get(name);
    if (!place) return;
    if (place.listed.place === "dock") this.#show(name);
    const { root, tool } = place;
    if (root instanceof HTMLDialogElement) {
      if (!root.open) root.showModal();
    } else if (place.listed.place === "strip") root.hidden = false;
    this.#renderStrips();
    if (!tool) await this.#mount(place);
    place.isShown = true;
    place.tool?.shown?.(argument);
  }

  /** Back to the frame. */
  close() {
    for (const { root } of this.#places.values()) if (root instanceof HTMLDialogElement) root.close();
    this.#show(FRAME);
  }

  /** Opens it, or closes it if it is open. @param {string} name */
  toggle(name) {
    const place = this.#places.get(name);
    if (!place) return;
    const isOpen = place.listed.place === "dock" ? this.#inDock === name : place.isShown;
    if (!isOpen) void this.open(name);
    else if (place.listed.place === "dock") this.#show(FRAME);
    else this.#hide(place);
  }

  /** @param {Listed} listed @returns {Place} */
  #placeOf(listed) {
    const { name, title, place } = listed;
    const id = `tool-${name}`;
    if (place !== "dock") this.#others.append(opener(listed));
    if (place === "dialog") {
      const root = el("dialog", { class: "sheet", id, "aria-label": title });
      document.body.append(root);
      const made = { listed, root, tool: null, isShown: false };
      on(root, "close", () => this.#hide(made), this.#app.signal);
      return made;
    }
    if (place === "strip") {
      const root = el("section", { class: "strip", id, hidden: true, "aria-label": title });
      this.#strips.append(root);
      return { listed, root, tool: null, isShown: false };
    }
    const tab = el(
      "button",
      {
        class: "quiet dock-tab",
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": id,
        "data-tool": name,
        title: listed.says,
      },
      title,
    );
    this.#bar.querySelector("[role=tablist]")?.append(tab);
    const root = el("div", {
      class: "dock-tool",
      id,
      role: "tabpanel",
      "aria-labelledby": `tab-${name}`,
      hidden: true,
    });
    this.#dock.append(root);
    return { listed, root, tool: null, isShown: false };
  }

  /** @param {Place} place */
  async #mount(place) {
    place.root.replaceChildren(el("p", { class: "hint" }, "Loading"));
    try {
      const module = await place.listed.load();
      if (place.tool) return;
      place.root.replaceChildren();
      place.tool = module.mount(place.root, this.#app);
    } catch (error) {
      place.root.replaceChildren(
        el(
          "p",
          { class: "hint" },
          `${place.listed.title} could not be loaded: ${error instanceof Error ? error.message : error}`,
        ),
      );
    }
  }

  /** @param {Place} place */
  #hide(place) {
    if (!place.isShown) return;
    place.isShown = false;
    if (place.root instanceof HTMLDialogElement) place.root.close();
    else place.root.hidden = true;
    place.tool?.hidden?.();
    this.#renderStrips();
  }

  /** @param {string} name of a tool in the dock, or of the frame */
  #show(name) {
    if (this.#inDock === name) return;
    const before = this.#places.get(this.#inDock);
    this.#inDock = name;
    if (before) this.#hide(before);
    this.#renderDock();
    this.onShown(name);
  }

  /** @param {"changed" | "chosen"} what */
  #tell(what) {
    for (const { tool, isShown } of this.#places.values()) if (isShown) tool?.[what]?.();
  }

  #listen() {
    const { signal } = this.#app;
    on(
      this.#bar,
      "click",
      ({ target }) => {
        const name = target instanceof Element ? target.closest("[data-tool]")?.getAttribute("data-tool") : null;
        if (name === FRAME) this.#show(FRAME);
        else if (name && this.#places.get(name)?.listed.place === "strip") this.toggle(name);
        else if (name) void this.open(name);
      },
      signal,
    );
    on(
      this.#bar,
      "keydown",
      (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const tabs = [...this.#bar.querySelectorAll("[role=tab]")];
        if (step === undefined || !tabs.includes(/** @type {Element} */ (event.target))) return;
        event.preventDefault();
        const next = tabs.at((tabs.indexOf(/** @type {Element} */ (event.target)) + step) % tabs.length);
        if (!(next instanceof HTMLElement)) return;
        next.click();
        next.focus();
      },
      signal,
    );
    for (const { name, title, says, keys } of TOOLS) {
      this.#app.command({
        id: `tool-${name}`,
        title: `${title}: ${says}`,
        group: "Tools",
        keys,
        run: () => this.toggle(name),
      });
    }
  }

  #renderDock() {
    for (const tab of this.#bar.querySelectorAll("[role=tab]")) {
      const isHere = tab.getAttribute("data-tool") === this.#inDock;
      tab.setAttribute("aria-selected", String(isHere));
      if (tab instanceof HTMLElement) tab.tabIndex = isHere ? 0 : -1;
    }
    byId("dock-frame", HTMLElement).hidden = this.#inDock !== FRAME;
    for (const [name, { listed, root }] of this.#places)
      if (listed.place === "dock") root.hidden = name !== this.#inDock;
  }

  #renderStrips() {
    this.#strips.hidden = ![...this.#strips.children].some((strip) => strip instanceof HTMLElement && !strip.hidden);
    for (const button of this.#others.querySelectorAll("[aria-pressed]")) {
      const place = this.#places.get(button.getAttribute("data-tool") ?? "");
      button.setAttribute("aria-pressed", String(place?.root.hidden === false));
    }
  }
}

/** The button of a tool that has no tab. @param {Listed} listed */
function opener({ name, title, place, says, keys }) {
  const what = place === "dialog" ? { "aria-haspopup": "dialog" } : { "aria-pressed": "false" };
  return el(
    "button",
    { class: "quiet", type: "button", "data-tool": name, title: `${says} (${keys})`, ...what },
    title,
  );
}
