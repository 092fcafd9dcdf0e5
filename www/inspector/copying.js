// @ts-check
// Commands that copy the chosen row in some form.

import { FORMS, snippet } from "./tools/snippets.js";

/** @import { App } from "./app.js" */
/** @import { Details } from "../pkg/framescope_wasm.js" */
/** @import { Form } from "./tools/snippets.js" */

/** @type {Partial<Record<Form, string>>} */
const KEYS = { hex: "c" };

/** @param {App} app */
export function addCopyCommands(app) {
  for (const [name, label] of Object.entries(FORMS)) {
    // The cast: these are the keys of FORMS.
    const form = /** @type {Form} */ (name);
    app.command({
      id: `copy-${form}`,
      title: `Copy the frame as ${label}`,
      group: "Copy",
      keys: KEYS[form],
      enabled: () => app.chosen !== null && app.chosen.wire.length > 0 && hasForm(form, app.chosen.details),
      run: () => void copy(app, form, label),
    });
  }
}

/** @param {Form} form @param {Details} details */
function hasForm(form, { row, handshake }) {
  if (form === "test") return row.kind === "frame";
  return form !== "curl" || handshake?.kind === "request";
}

/** @param {App} app @param {Form} form @param {string} label */
async function copy(app, form, label) {
  const { chosen } = app;
  if (!chosen) return;
  const rules = form === "test" ? await app.capture.rulesAlone(chosen.index) : [];
  const text = snippet(form, chosen.details, chosen.wire, rules);
  if (text !== null) await app.copy(text, label);
}
