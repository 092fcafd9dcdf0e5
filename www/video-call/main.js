// @ts-check
// The calls there are, and a new one. The server does not say when the list changes, so it is asked now and then.

import { connect } from "../lib/app-socket.js";
import { ask } from "../lib/ask.js";
import { byId, el, on, setText, show } from "../lib/dom.js";
import { loginAddress, startPage, trouble } from "../lib/page.js";
import { counted } from "../lib/text.js";

/** @import { CallEntry, Heard } from "../lib/protocol.js" */

/** How often the list is asked for while somebody looks at it. */
const POLL_MS = 10_000;
/** The server's limit, in characters as people count them. */
const NAME_MAX = 64;

await startPage({ needsUser: true });

const state = {
  /** @type {CallEntry[] | null} */
  calls: null,
  search: "",
  isCreating: false,
  error: "",
};

const form = byId("create", HTMLFormElement);
const name = byId("name", HTMLInputElement);
const search = byId("search", HTMLInputElement);
const socket = connect({ on: { open: refresh, message: heard } });

on(form, "submit", (event) => {
  event.preventDefault();
  void create(name.value.trim());
});
on(name, "input", () => {
  state.error = "";
  render();
});
on(search, "input", () => {
  state.search = search.value.trim().toLowerCase();
  render();
});
document.addEventListener("visibilitychange", refresh);
addEventListener("focus", refresh);
setInterval(refresh, POLL_MS);
// A page that comes back from the browser's memory has created what it was about to create.
addEventListener("pageshow", () => {
  state.isCreating = false;
  render();
});
render();

function refresh() {
  if (document.visibilityState === "visible") socket.send({ messageType: "get_calls" });
}

/** @param {Heard} message */
function heard(message) {
  if (message.messageType !== "call_list") return;
  // The newest is the one that people look for.
  state.calls = [...message.calls].reverse();
  render();
}

/** @param {string} wanted */
async function create(wanted) {
  if (state.isCreating) return;
  const length = [...wanted].length;
  if (length === 0 || length > NAME_MAX) {
    const over = length - NAME_MAX;
    state.error = length === 0 ? "Give the call a name." : `The name is ${counted(over, "character")} too long.`;
    render();
    name.focus();
    return;
  }
  state.isCreating = true;
  state.error = "";
  render();
  const { status, isOk, json, text } = await ask("/api/video-calls", { json: { name: wanted } });
  state.isCreating = false;
  const id = isOk && typeof json === "object" && json && "id" in json ? json.id : null;
  if (typeof id === "string") {
    name.value = "";
    location.assign(addressOf(id));
    return;
  }
  if (status === 401) return location.assign(loginAddress());
  state.error = status === 400 && text ? text : trouble(status);
  render();
  name.focus();
}

/** @param {string} id */
function addressOf(id) {
  return `/video-call/${encodeURIComponent(id)}`;
}

function render() {
  const { calls, search: words } = state;
  const found = (calls ?? []).filter((call) => call.name.toLowerCase().includes(words));
  byId("create-call", HTMLButtonElement).disabled = state.isCreating;
  name.setAttribute("aria-invalid", String(state.error !== ""));
  setText("name-error", state.error);
  renderCalls(found);
  show("asking", calls === null);
  show("none", calls?.length === 0);
  show("not-found", calls !== null && calls.length > 0 && found.length === 0);
  show("search-row", (calls?.length ?? 0) > 8 || words !== "");
  setText("summary", calls && calls.length > 0 ? counted(calls.length, "call") : "");
}

/** @param {CallEntry[]} calls */
function renderCalls(calls) {
  const list = byId("calls", HTMLElement);
  const shows = JSON.stringify(calls);
  // Asked for every few seconds, and mostly the same: nobody's focus is lost for nothing.
  if (list.dataset.shows === shows) return;
  list.dataset.shows = shows;
  list.replaceChildren(
    ...calls.map((call) =>
      el(
        "li",
        { class: "call-row" },
        el("a", { class: "call-link", href: addressOf(call.id) }, el("bdi", { class: "call-name" }, call.name)),
        el("span", { class: "note", "aria-hidden": "true" }, "Join →"),
      ),
    ),
  );
}
