// @ts-check
// Where a line may lead: this server, or another that the operator allowed; and on which path.

import { ask } from "../../../lib/ask.js";
import { el, on } from "../../../lib/dom.js";
import { endpoint } from "../../../lib/socket.js";

/** @typedef {{ name: string, url: string, isOwn: boolean }} Target */

const OWN = "This server";

/** What this server has to offer. */
const PATHS = ["/echo", "/websocket", "/chat", "/"];

let made = 0;

/**
 * A chooser of a target and a path on it.
 *
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {() => void} [options.changed]
 * @param {boolean} [options.isAlone] there is no list of others to ask for
 */
export function targetChooser({ signal, changed = () => {}, isAlone = false }) {
  made += 1;
  const id = `target-${made}`;
  /** @type {Target[]} */
  let targets = [{ name: OWN, url: endpoint("/echo"), isOwn: true }];
  const select = el("select", { id: `${id}-server` });
  const path = el("input", {
    id: `${id}-path`,
    class: "lab-path mono",
    type: "text",
    value: "/echo",
    autocomplete: "off",
    spellcheck: false,
    "aria-describedby": `${id}-problem`,
  });
  path.setAttribute("list", `${id}-paths`);
  const paths = el("datalist", { id: `${id}-paths` });
  const problem = el("span", { class: "lab-problem", id: `${id}-problem` });
  const element = el(
    "span",
    { class: "lab-target" },
    el("label", { for: select.id }, "Server"),
    select,
    el("label", { for: path.id }, "Path"),
    path,
    paths,
    problem,
  );

  const chosen = () => /** @type {Target} */ (targets.find(({ name }) => name === select.value) ?? targets[0]);

  function render() {
    const { value } = select;
    select.replaceChildren(
      ...targets.map(({ name, url, isOwn }) =>
        el("option", { value: name, title: url }, isOwn ? name : `${name} (${url})`),
      ),
    );
    if (targets.some(({ name }) => name === value)) select.value = value;
    renderPaths();
  }

  function renderPaths() {
    paths.replaceChildren(...(chosen().isOwn ? PATHS : [pathOf(chosen().url)]).map((value) => el("option", { value })));
  }

  on(
    select,
    "change",
    () => {
      // A path of a captured conversation, or of the user's own, is meant for the next server, too.
      if ([...paths.options].some(({ value }) => value === path.value)) path.value = pathOf(chosen().url);
      renderPaths();
      check();
      changed();
    },
    signal,
  );
  on(
    path,
    "input",
    () => {
      check();
      changed();
    },
    signal,
  );

  /** The whole address, or null if the path is none: then it is said beside it. */
  function check() {
    const wrong = /\s/.test(path.value)
      ? "A path has no white space; %20 stands for one."
      : path.value.startsWith("/")
        ? ""
        : "A path begins with /.";
    problem.textContent = wrong;
    path.setAttribute("aria-invalid", String(wrong !== ""));
    if (wrong) return null;
    const { origin, protocol, host } = new URL(chosen().url);
    return `${origin === "null" ? `${protocol}//${host}` : origin}${path.value}`;
  }

  render();
  if (!isAlone) void learn();

  async function learn() {
    const { isOk, json } = await ask("/api/servers", { signal });
    if (!isOk) return;
    // The cast: the server's own list.
    const { servers } = /** @type {{ servers: { name: string, url: string }[] }} */ (json);
    const others = servers.map(({ name, url }) => ({ name, url, isOwn: false }));
    targets = [...targets.slice(0, 1), ...others.filter(({ name }) => name !== "Framescope")];
    render();
  }

  return {
    element,
    check,
    get target() {
      return chosen();
    },
    get path() {
      return path.value;
    },
    /** @param {string} name @param {string} wanted a path */
    choose(name, wanted) {
      if (targets.some((target) => target.name === name)) select.value = name;
      path.value = wanted;
      renderPaths();
      check();
    },
    /** @param {boolean} isDisabled */
    disable(isDisabled) {
      select.disabled = isDisabled;
      path.disabled = isDisabled;
    },
  };
}

/** @typedef {ReturnType<typeof targetChooser>} TargetChooser */

/** @param {string} url */
function pathOf(url) {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
