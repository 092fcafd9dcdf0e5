// @ts-check
// The lab: frames made by hand, sent, and what comes back; captured conversations played again.

import { el } from "../../lib/dom.js";
import { NotBuilt } from "../../lib/wasm.js";
import { Compose } from "./lab/compose.js";
import { theModules } from "./lab/modules.js";
import { Recorder } from "./lab/recorder.js";
import { wearSheet } from "./lab/sheet.js";

/** @import { App, Tool } from "../app.js" */
/** @import { Resend } from "./lab/compose.js" */

/** What `openTool("lab", ..)` takes. @typedef {{ resend?: Resend, replay?: number }} Wish */

/** @param {HTMLElement} root @param {App} app @returns {Tool} */
export function mount(root, app) {
  wearSheet();
  root.classList.add("lab");
  root.append(el("p", { class: "hint" }, "Loading"));
  const loaded = load(root, app);
  return {
    shown: (argument) => {
      // The cast: whoever opens the lab knows what it takes.
      const wish = /** @type {Wish | undefined} */ (argument);
      if (wish) void loaded.then((parts) => parts?.wish(wish));
    },
  };
}

/** @param {HTMLElement} root @param {App} app */
async function load(root, app) {
  try {
    const modules = await theModules();
    root.replaceChildren();
    const recorder = new Recorder(app, "Lab");
    const parts = { compose: el("div", { class: "lab-part", role: "tabpanel", "aria-label": "Compose" }) };
    root.append(parts.compose);
    const compose = new Compose(parts.compose, app, modules, recorder);
    return {
      /** @param {Wish} wish */
      wish({ resend }) {
        if (resend) void compose.resend(resend);
      },
    };
  } catch (error) {
    const words =
      error instanceof NotBuilt
        ? "The module with the client is not built: run “make wasm”, and reload."
        : String(error);
    root.replaceChildren(el("p", { class: "hint" }, words));
    return null;
  }
}
