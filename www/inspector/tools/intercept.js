// @ts-check
// Interception: frames are held on their way, and go on as they were, edited, or not at all; others are put in. On a
// proxy's page, what passes through it; and everywhere, the connections that the page's own lab opens.

import { ask } from "../../lib/ask.js";
import { el } from "../../lib/dom.js";
import { loadInterception, NotBuilt } from "../../lib/wasm.js";
import { Banner } from "./intercept/banner.js";
import { Board } from "./intercept/board.js";
import { Editor } from "./intercept/editor.js";
import { Injector } from "./intercept/injector.js";
import { HeldList } from "./intercept/list.js";
import { PageDesk } from "./intercept/pagedesk.js";
import { ProxyDesk } from "./intercept/proxydesk.js";
import { Switch } from "./intercept/switch.js";
import { theModules } from "./lab/modules.js";
import { wearSheet } from "./lab/sheet.js";

/** @import { App, Tool } from "../app.js" */
/** @import { Modules } from "./lab/modules.js" */

const SHEET = "/inspector/intercept.css";

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  wearSheet();
  if (!document.querySelector(`link[href="${SHEET}"]`))
    document.head.append(el("link", { rel: "stylesheet", href: SHEET }));
  root.classList.add("lab", "intercept");
  root.append(el("p", { class: "hint" }, "Loading"));
  theModules()
    .then((modules) => new Panel(root, app, modules))
    .catch((error) => {
      const words =
        error instanceof NotBuilt
          ? "The module with the client is not built: run “make wasm”, and reload."
          : String(error);
      root.replaceChildren(el("p", { class: "hint" }, words));
    });
  return {};
}

class Panel {
  #app;
  #board;
  #switch;
  #list;
  #editor;
  #injector;
  #banner;
  #where = el("p", { class: "tool-note intercept-where-all" });
  #unheld = el("p", { class: "intercept-warning", hidden: true, role: "status" });
  #empty = el("div", { class: "tool-empty" });
  #injecting = el("details", { class: "intercept-inject tool-part" }, el("summary", {}, "Inject a frame"));
  /** @type {string | null} */
  #chosen = null;
  /** Whether there is a proxy here; null until that is known. @type {boolean | null} */
  #isProxy = null;

  /** @param {HTMLElement} root @param {App} app @param {Modules} modules */
  constructor(root, app, modules) {
    this.#app = app;
    this.#board = new Board({ changed: () => this.#render(), told: (text, kind) => app.say(text, kind) });
    const held = el("section", { class: "intercept-held", "aria-label": "Held frames", hidden: true });
    const editor = el("section", {
      class: "intercept-editor tool-part",
      "aria-label": "The chosen frame",
      hidden: true,
    });
    const injector = el("div", {});
    this.#injecting.append(injector);
    const bar = el("div", {});
    root.replaceChildren(bar, this.#where, this.#unheld, held, this.#empty, editor, this.#injecting);
    this.#switch = new Switch(bar, app, this.#board);
    this.#banner = new Banner(app, this.#board);
    this.#list = new HeldList(held, modules, {
      choose: (key) => this.#choose(key),
      act: (what) => this.#act(what),
      signal: app.signal,
    });
    this.#editor = new Editor(editor, app, modules, this.#board);
    this.#injector = new Injector(injector, app, modules, this.#board);
    const timer = setInterval(() => {
      if (this.#board.held.size === 0) return;
      this.#list.tick(this.#board.held);
      this.#editor.show(this.#board.held.get(this.#chosen ?? "") ?? null);
    }, 1000);
    app.signal.addEventListener("abort", () => clearInterval(timer));
    this.#commands();
    this.#render();
    void this.#findDesks();
  }

  async #findDesks() {
    const { json } = await ask("/api/operator");
    // The cast: what is not there is undefined.
    const said = /** @type {{ operator?: boolean, intercepts?: boolean } | undefined} */ (json);
    this.#isProxy = said?.intercepts === true;
    const { events } = this.#board;
    // A proxy's page has no client of its own.
    if (this.#isProxy) this.#board.add(new ProxyDesk(events, this.#app.signal));
    else this.#board.add(new PageDesk(await loadInterception(), events, this.#app.signal));
    this.#render();
  }

  #commands() {
    const isHeld = () => this.#board.held.size > 0;
    const group = "Interception";
    this.#app.command({
      id: "intercept-toggle",
      title: "Hold frames, or stop that and let all go",
      group,
      run: () => this.#switch.toggle(),
    });
    this.#app.command({
      id: "intercept-all",
      title: "Forward all held frames",
      group,
      run: () => this.#board.forwardAll(),
      enabled: isHeld,
    });
    this.#app.command({
      id: "intercept-next",
      title: "Forward the held frame",
      group,
      run: () => this.#act("forward"),
      enabled: isHeld,
    });
  }

  /** @param {string} key */
  #choose(key) {
    this.#chosen = key;
    this.#render();
  }

  /** @param {"forward" | "drop" | "edit" | "all"} what */
  #act(what) {
    if (what === "all") this.#board.forwardAll();
    else if (what === "edit") this.#editor.focus();
    else if (what === "drop") this.#editor.drop();
    else this.#editor.forward();
  }

  #render() {
    if (!this.#injector) return;
    const { held, isOn, unheld } = this.#board;
    if (this.#chosen === null || !held.has(this.#chosen)) this.#chosen = held.keys().next().value ?? null;
    this.#switch.render();
    this.#banner.render();
    const hadKeyboard = this.#list.hasFocus;
    this.#list.render(held, this.#chosen);
    if (hadKeyboard && held.size > 0) this.#list.focus();
    this.#editor.show(held.get(this.#chosen ?? "") ?? null);
    this.#injector.refresh();
    this.#unheld.hidden = unheld.count === 0 || !isOn;
    this.#unheld.textContent = `${unheld.count} ${unheld.count === 1 ? "frame" : "frames"} went by unheld, ${unheld.why}.`;
    this.#renderWhere();
    this.#renderEmpty();
  }

  #renderWhere() {
    const words = this.#board.desks.map(({ name, connections, trouble }) => {
      const place = name === "proxy" ? "This proxy" : "The lab of this page";
      const open = `${place}: ${connections.length} open ${connections.length === 1 ? "connection" : "connections"}.`;
      return name === "proxy" ? trouble || open : `${open} ${trouble}`.trim();
    });
    this.#where.textContent = words.join(" ");
    this.#where.hidden = words.length === 0;
    const isAnything = this.#board.desks.some(({ connections }) => connections.length > 0);
    this.#injecting.hidden = !isAnything;
  }

  #renderEmpty() {
    const { isOn, held, connections } = this.#board;
    const state = held.size > 0 ? "held" : isOn ? "waiting" : "off";
    const key = `${state} ${this.#board.filter} ${this.#isProxy} ${connections.length > 0}`;
    if (this.#empty.dataset.state === key) return;
    this.#empty.dataset.state = key;
    this.#empty.hidden = state === "held";
    if (state === "waiting") {
      this.#empty.replaceChildren(
        el("p", {}, el("strong", {}, "Waiting for a frame that this finds.")),
        el(
          "p",
          {},
          "All others pass at once. A frame that is held keeps back what comes behind it in the same direction; the other direction goes on.",
        ),
        // What a filter asks of text, nothing is found by where the text cannot be read.
        /\b(?:text|json|content|message\.length)\b/u.test(this.#board.filter)
          ? el(
              "p",
              { class: "tool-note" },
              "Compressed messages of a connection that was open before this was turned on may refer to earlier ones, which were not seen: such text cannot be read, and is not found. A filter without text, as “opcode == text”, finds them; new connections are read from their beginning.",
            )
          : "",
      );
    } else if (state === "off") {
      this.#empty.replaceChildren(
        el("p", {}, el("strong", {}, "Nothing is held.")),
        el("p", {}, ...this.#placeWords()),
        el(
          "p",
          {},
          "Turn it on, and each frame that the filter finds waits here for you: forward it, edit it first, or drop it. When this page goes away, everything goes on.",
        ),
        el("div", { class: "intercept-examples" }, ...this.#switch.examples()),
      );
    }
  }

  /** Where frames can be held. */
  #placeWords() {
    if (this.#isProxy) return ["Here it is whatever passes through this proxy, between any client and its server."];
    return [
      "On this server it is what the lab of this page sends and receives. What other programs say to each other is held by a proxy between them: ",
      el("code", {}, "framescope proxy --to ws://host:port"),
      " prints a link to a page like this one.",
    ];
  }
}
