// @ts-check
// Opens a page up to four times more, side by side, each window under a name of its own.

import { el, on } from "./dom.js";
import { newWindowName } from "./tab.js";
import { counted } from "./text.js";

const MOST = 4;

/**
 * @typedef {object} Wanted
 * @property {string} name
 * @property {string} href
 */

/**
 * @param {object} wishes
 * @param {string} wishes.label what a window's name is there, as a label
 * @param {number} wishes.nameMax in characters
 * @param {() => string} wishes.name the one that the others are made from
 * @param {(name: string) => string} wishes.address of a window by that name
 * @param {AbortSignal} wishes.signal
 * @returns {{ button: HTMLButtonElement }} what asks for them; to be put into the page
 */
export function offerWindows({ label, nameMax, name, address, signal }) {
  const button = el("button", { type: "button", "aria-haspopup": "dialog" }, "Open windows …");
  const counts = Array.from({ length: MOST }, (_, at) => at + 1);
  const choices = counts.map((count) =>
    el(
      "label",
      { class: "windows-count" },
      el("input", { type: "radio", name: "windows", value: String(count), checked: count === 2 }),
      String(count),
    ),
  );
  const names = el("div", { class: "windows-names" });
  const blocked = el("div", { class: "notice", "data-kind": "warn", role: "status" });
  const submit = el("button", { class: "primary", type: "submit" }, "Open");
  const cancel = el("button", { class: "quiet", type: "button" }, "Close");
  const form = el(
    "form",
    { class: "windows-form" },
    el("h2", { class: "section-title", id: "windows-title" }, "Open windows"),
    el("fieldset", { class: "windows-counts" }, el("legend", { class: "label" }, "How many"), ...choices),
    names,
    el("p", { class: "note" }, "They come with the server and client that are chosen here, side by side."),
    blocked,
    el("p", { class: "actions" }, submit, cancel),
  );
  const dialog = el("dialog", { class: "sheet windows", "aria-labelledby": "windows-title" }, form);
  document.body.append(dialog);

  on(button, "click", () => {
    names.replaceChildren();
    blocked.replaceChildren();
    submit.textContent = "Open";
    draw();
    dialog.showModal();
  });
  on(cancel, "click", () => dialog.close());
  on(form, "change", draw);
  // What a link has opened is not to be opened again.
  on(blocked, "click", ({ target }) => {
    const item = target instanceof Element ? target.closest("a")?.closest("li") : null;
    if (item) setTimeout(() => isOpen(item));
  });
  on(form, "submit", (event) => {
    event.preventDefault();
    open();
  });
  signal.addEventListener("abort", () => dialog.remove());
  return { button };

  function count() {
    return Number(new FormData(form).get("windows"));
  }

  /** As many names as windows; those that were typed stay. */
  function draw() {
    while (names.childElementCount > count()) names.lastElementChild?.remove();
    while (names.childElementCount < count()) {
      const number = names.childElementCount + 1;
      const input = el("input", {
        type: "text",
        value: numbered(name(), number + 1, nameMax),
        maxLength: nameMax,
        autocomplete: "off",
        required: true,
        "aria-label": `${label}, window ${number}`,
      });
      input.dir = "auto";
      names.append(el("label", { class: "labelled" }, el("span", { class: "label" }, `Window ${number}`), input));
    }
  }

  /** @param {HTMLLIElement} item the link that led there */
  function isOpen(item) {
    item.remove();
    for (const input of names.querySelectorAll("input"))
      if (input.value === item.textContent) input.closest("label")?.remove();
    if (names.childElementCount === 0) dialog.close();
    else chooseCount(names.childElementCount);
  }

  /** @param {number} wanted */
  function chooseCount(wanted) {
    for (const choice of form.querySelectorAll("input[name=windows]"))
      if (choice instanceof HTMLInputElement) choice.checked = Number(choice.value) === wanted;
  }

  function open() {
    const wanted = [...names.querySelectorAll("input")].map(({ value }) => ({ name: value, href: address(value) }));
    const missing = wanted.filter(({ href }, place) => !opened(href, place, wanted.length));
    if (missing.length === 0) {
      dialog.close();
      return;
    }
    blocked.replaceChildren(...blockedWords(wanted.length, missing));
    submit.textContent = "Try again";
    // Only those are still to be opened.
    const left = new Set(missing.map((one) => one.name));
    for (const input of names.querySelectorAll("input")) if (!left.has(input.value)) input.closest("label")?.remove();
    chooseCount(missing.length);
  }
}

/**
 * A link to each window that the browser did not let open: a click opens as many windows as links were clicked.
 *
 * @param {number} count
 * @param {Wanted[]} missing
 */
function blockedWords(count, missing) {
  const some = count === missing.length ? "none" : counted(count - missing.length, "window", "windows");
  const links = missing.map(({ name, href }) =>
    el("li", {}, el("a", { href, target: newWindowName() }, el("bdi", {}, name))),
  );
  return [
    el(
      "p",
      {},
      `Your browser let ${some} of ${count} open. Allow this page to open windows, or open the others one by one:`,
    ),
    el("ul", { class: "plain-list" }, ...links),
  ];
}

/**
 * Opens one of several windows in its place on the screen.
 *
 * @param {string} href
 * @param {number} place
 * @param {number} count
 * @returns {boolean} false if the browser did not let it
 */
function opened(href, place, count) {
  const { left, top, width, height } = tile(place, count);
  const features = `popup,left=${left},top=${top},width=${width},height=${height}`;
  return window.open(href, newWindowName(), features) !== null;
}

/**
 * One window takes half of the screen, two a half each, three and four a quarter.
 *
 * @param {number} place
 * @param {number} count
 */
function tile(place, count) {
  const { availWidth, availHeight } = screen;
  // The cast: every browser has these two, and no standard does.
  const { availLeft = 0, availTop = 0 } = /** @type {Screen & { availLeft?: number, availTop?: number }} */ (screen);
  const rows = count > 2 ? 2 : 1;
  const width = Math.floor(availWidth / 2);
  const height = Math.floor(availHeight / rows);
  const column = count === 1 ? 1 : place % 2;
  return { left: availLeft + column * width, top: availTop + Math.floor(place / 2) * height, width, height };
}

/**
 * `ada` becomes `ada 2`, `ada 2` becomes `ada 3` for the next.
 *
 * @param {string} name
 * @param {number} number
 * @param {number} most
 */
function numbered(name, number, most) {
  const [, stem = name, last] = /^(.*?)(?: (\d{1,3}))?$/su.exec(name) ?? [];
  const end = ` ${number + (last === undefined ? 0 : Number(last) - 1)}`;
  return [...stem].slice(0, most - end.length).join("") + end;
}
