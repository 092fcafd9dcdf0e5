// @ts-check
// Two questions about sources: which proxy to listen to, and what a TCP stream is.

import { ask } from "../lib/ask.js";
import { el, on, size } from "../lib/dom.js";

/** @import { SourceInfo, StreamWord } from "./app.js" */
/** @import { Inspector } from "./inspector.js" */

/**
 * Asks for a proxy elsewhere, which this page's server must be allowed to tunnel to.
 *
 * @param {Inspector} app
 */
export async function askForProxy(app) {
  const { isOk, json } = await ask("/api/servers");
  const servers = isOk ? listed(json) : [];
  const choice = el(
    "select",
    { id: "proxy-server" },
    ...servers.map(({ name, url }) => el("option", { value: url }, `${name} (${url})`)),
  );
  const token = el("input", { id: "proxy-token", type: "password", autocomplete: "off", spellcheck: false });
  const trouble = el("p", { class: "entry-error", role: "alert" });
  const connect = el("button", { class: "primary", type: "submit", disabled: servers.length === 0 }, "Connect");
  const cancel = el("button", { type: "button" }, "Cancel");
  const form = el(
    "form",
    { class: "entries" },
    el("h2", { id: "proxy-title" }, "Add a proxy"),
    el(
      "p",
      { class: "note" },
      "What passes through a Framescope proxy elsewhere, live. Its own page shows it too; here it stands beside the other sources.",
    ),
    servers.length === 0
      ? el(
          "p",
          {},
          "This server is not allowed to reach any. Whoever runs it allows the inspector of a proxy with ",
          el("code", {}, "--tunnel-to NAME=ws://HOST:PORT"),
          "; the proxy prints that address when it starts.",
        )
      : el(
          "div",
          { class: "entry" },
          el("label", { class: "entry-label", for: "proxy-server" }, "Inspector of the proxy"),
          choice,
        ),
    servers.length === 0 ? null : tokenEntry(token),
    trouble,
    el("p", { class: "actions" }, connect, cancel),
  );
  const dialog = show(form, "proxy-title", cancel);
  on(form, "submit", (event) => {
    event.preventDefault();
    const server = servers.find(({ url }) => url === choice.value);
    if (!server) return;
    const url = new URL("/inspect/live", server.url);
    app.addProxy(url.href, tokenIn(token.value.trim()), server.name).then(
      () => dialog.close(),
      (error) => {
        trouble.textContent = error instanceof Error ? error.message : String(error);
      },
    );
  });
}

/**
 * Asks for the token of a proxy that refused the one it was sent, and connects again.
 *
 * @param {Inspector} app
 * @param {number} source
 * @param {string} name
 */
export function askForToken(app, source, name) {
  const token = el("input", { id: "proxy-token", type: "password", autocomplete: "off", spellcheck: false });
  const cancel = el("button", { type: "button" }, "Cancel");
  const form = el(
    "form",
    { class: "entries" },
    el("h2", { id: "token-title" }, `Connect to ${name} again`),
    el("p", { class: "note" }, "It refused the token that it was sent."),
    tokenEntry(token),
    el("p", { class: "actions" }, el("button", { class: "primary", type: "submit" }, "Connect again"), cancel),
  );
  const dialog = show(form, "token-title", cancel);
  token.focus();
  on(form, "submit", (event) => {
    event.preventDefault();
    dialog.close();
    void app.reconnectProxy(source, tokenIn(token.value.trim()));
  });
}

/** @param {HTMLInputElement} token */
function tokenEntry(token) {
  return el(
    "div",
    { class: "entry" },
    el("label", { class: "entry-label", for: "proxy-token" }, "Operator token"),
    token,
    el(
      "p",
      { class: "entry-hint" },
      "Stands behind ?token= in the link that the proxy prints. It is sent to the proxy, and not kept.",
    ),
  );
}

/**
 * Asks what a stream is that nothing says is WebSocket.
 *
 * @param {Inspector} app
 * @param {SourceInfo} source
 * @param {SourceInfo["unread"][number]} stream
 */
export function askAboutStream(app, source, stream) {
  const ends = [stream.client, stream.server];
  const sides = ends.map((end, at) =>
    el(
      "label",
      { class: "choice-line" },
      el("input", { type: "radio", name: "client", value: end, checked: at === 0 }),
      el("code", {}, end),
    ),
  );
  const deflate = el("input", { type: "checkbox", name: "deflate" });
  const boxes = [
    ["clientNoContextTakeover", "client_no_context_takeover"],
    ["serverNoContextTakeover", "server_no_context_takeover"],
  ].map(([name = "", words = ""]) => ({ name, input: el("input", { type: "checkbox", name, disabled: true }), words }));
  const windows = [
    ["clientMaxWindowBits", "client_max_window_bits"],
    ["serverMaxWindowBits", "server_max_window_bits"],
  ].map(([name = "", words = ""]) => ({
    name,
    input: el("input", { type: "number", min: "8", max: "15", value: "15", disabled: true, "aria-label": words }),
    words,
  }));
  const read = el("button", { class: "primary", type: "submit" }, "Read as WebSocket");
  const cancel = el("button", { type: "button" }, "Cancel");
  const form = el(
    "form",
    { class: "entries" },
    el("h2", { id: "stream-title" }, `TCP stream ${stream.stream} is WebSocket`),
    el("p", { class: "note" }, `${size(stream.bytes)} in ${source.name}. ${stream.says}`),
    el("fieldset", { class: "choice-lines" }, el("legend", { class: "entry-label" }, "The client is"), ...sides),
    el(
      "fieldset",
      { class: "choice-lines" },
      el("legend", { class: "entry-label" }, "The ends agreed on"),
      el("label", { class: "choice-line" }, deflate, "permessage-deflate, with"),
      ...boxes.map(({ input, words }) =>
        el("label", { class: "choice-line choice-inner" }, input, el("code", {}, words)),
      ),
      ...windows.map(({ input, words }) =>
        el("label", { class: "choice-line choice-inner" }, el("code", {}, words), input),
      ),
    ),
    el("p", { class: "actions" }, read, cancel),
  );
  const dialog = show(form, "stream-title", cancel);
  on(deflate, "change", () => {
    for (const { input } of [...boxes, ...windows]) input.disabled = !deflate.checked;
  });
  on(form, "submit", (event) => {
    event.preventDefault();
    /** @type {Record<string, boolean | number>} */
    const params = {};
    for (const { name, input } of boxes) if (input.checked) params[name] = true;
    for (const { name, input } of windows) if (Number(input.value) !== 15) params[name] = Number(input.value);
    const client = new FormData(form).get("client");
    /** @type {StreamWord} */
    const word = { stream: stream.stream, client: String(client), deflate: deflate.checked ? params : null };
    app.capture.assume(source.source, word).then(
      () => dialog.close(),
      (error) => app.say(String(error), "danger"),
    );
  });
}

/** @param {HTMLFormElement} form @param {string} title @param {HTMLButtonElement} cancel */
function show(form, title, cancel) {
  const dialog = el("dialog", { class: "sheet question", "aria-labelledby": title }, form);
  document.body.append(dialog);
  on(cancel, "click", () => dialog.close());
  on(dialog, "close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}

/** The token, also of somebody who pasted the whole link. @param {string} text */
function tokenIn(text) {
  return URL.canParse(text) ? (new URL(text).searchParams.get("token") ?? text) : text;
}

/** @param {unknown} json @returns {{ name: string, url: string }[]} */
function listed(json) {
  if (typeof json !== "object" || json === null || !("servers" in json) || !Array.isArray(json.servers)) return [];
  return json.servers.filter((one) => typeof one?.name === "string" && typeof one?.url === "string");
}
