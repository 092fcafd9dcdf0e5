// @ts-check
// The lab: frames made by hand, sent, and what comes back; captured conversations played again.

import { el, on } from "../../lib/dom.js";
import { NotBuilt } from "../../lib/wasm.js";
import { Compose } from "./lab/compose.js";
import { theModules } from "./lab/modules.js";
import { isProxied } from "./lab/proxied.js";
import { Recorder } from "./lab/recorder.js";
import { ReplayView } from "./lab/replayview.js";
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
    const [modules, isProxy] = await Promise.all([theModules(), isProxied()]);
    const recorder = new Recorder(app, "Lab");
    const parts = /** @type {const} */ (["compose", "replay"]).map((name) => partOf(name));
    const [compose, replays] = parts.map(({ panel }) => panel);
    if (!compose || !replays) return null;
    root.replaceChildren(
      el("div", { class: "lab-tabs", role: "tablist", "aria-label": "Lab" }, ...parts.map(({ tab }) => tab)),
      ...parts.map(({ panel }) => panel),
    );
    const composing = new Compose(compose, app, modules, recorder, isProxy);
    // Without a tunnel there is nobody to replay to.
    const replaying = isProxy ? null : new ReplayView(replays, app, modules, recorder);
    for (const { name, tab } of parts) tab.hidden = name === "replay" && isProxy;
    /** @param {"compose" | "replay"} wanted */
    const show = (wanted) => {
      for (const { name, tab, panel } of parts) {
        tab.setAttribute("aria-selected", String(name === wanted));
        panel.hidden = name !== wanted;
      }
    };
    for (const { name, tab } of parts) {
      on(
        tab,
        "click",
        () => {
          show(name);
          if (name === "replay") void replaying?.refresh();
        },
        app.signal,
      );
    }
    show("compose");
    return {
      /** @param {Wish} wish */
      wish({ resend, replay }) {
        show(replay === undefined || !replaying ? "compose" : "replay");
        if (resend) void composing.resend(resend);
        if (replay !== undefined && replaying) void replaying.refresh(replay);
        else if (replay !== undefined)
          app.say(
            "A proxy’s page has no tunnel to replay through: save the capture, and open it where there is one.",
            "warn",
          );
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

/** @template {"compose" | "replay"} N @param {N} name */
function partOf(name) {
  const label = name === "compose" ? "Compose" : "Replay";
  const tab = el(
    "button",
    {
      class: "quiet",
      type: "button",
      role: "tab",
      id: `lab-tab-${name}`,
      "aria-controls": `lab-${name}`,
      "aria-selected": "false",
    },
    label,
  );
  const panel = el("div", { class: "lab-part", role: "tabpanel", id: `lab-${name}`, "aria-labelledby": tab.id });
  return { name, tab, panel };
}
