// @ts-check
// A menu where the pointer is, or below what has the keyboard.

import { el, on } from "../lib/dom.js";

/** @typedef {{ title: string, detail?: string, run: () => void } | "line"} Item */

/** @type {(() => void) | null} */
let closeLast = null;

/**
 * @param {string} label
 * @param {Item[]} items
 * @param {{ x: number, y: number }} at
 */
export function openMenu(label, items, { x, y }) {
  closeLast?.();
  const before = document.activeElement;
  const open = new AbortController();
  const menu = el(
    "div",
    { class: "popup menu", role: "menu", "aria-label": label, tabIndex: -1 },
    ...items.map((item) => {
      if (item === "line") return el("div", { class: "menu-line", role: "separator" });
      const button = el(
        "button",
        { class: "quiet menu-item", type: "button", role: "menuitem", tabIndex: -1 },
        el("span", {}, item.title),
        item.detail ? el("code", { class: "menu-detail" }, item.detail) : null,
      );
      on(button, "click", () => {
        close();
        item.run();
      });
      return button;
    }),
  );
  const close = () => {
    open.abort();
    menu.remove();
    closeLast = null;
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  };
  closeLast = close;
  document.body.append(menu);
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
  const buttons = [...menu.querySelectorAll("button")];
  buttons[0]?.focus();
  on(
    menu,
    "keydown",
    (event) => {
      const now = buttons.findIndex((button) => button.matches(":focus"));
      const targets = new Map([
        ["ArrowDown", now + 1],
        ["ArrowUp", now - 1],
        ["Home", 0],
        ["End", -1],
      ]);
      const target = targets.get(event.key);
      if (target !== undefined) buttons.at(target % buttons.length)?.focus();
      else if (event.key === "Escape" || event.key === "Tab") close();
      else if (event.key !== "Enter" && event.key !== " ") return;
      else {
        event.stopPropagation();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    },
    open.signal,
  );
  on(
    document,
    "pointerdown",
    ({ target }) => {
      if (target instanceof Node && !menu.contains(target)) close();
    },
    open.signal,
  );
  on(window, "blur", close, open.signal);
  on(window, "resize", close, open.signal);
}
