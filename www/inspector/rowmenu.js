// @ts-check
// What can be done with a cell or a field: right click, or Shift and F10.

import { byId, closestWith, on } from "../lib/dom.js";
import { both, messageOf, negated, ofCell, ofField } from "./expressions.js";
import { openMenu } from "./menu.js";

/** @import { Row } from "./app.js" */
/** @import { FramePane } from "./framepane.js" */
/** @import { Inspector } from "./inspector.js" */
/** @import { Item } from "./menu.js" */
/** @import { SearchBar } from "./searchbar.js" */

/** Groups of commands that are about the chosen row. */
const ABOUT_ROW = new Set(["This row", "Lab", "Copy"]);

/**
 * @param {Inspector} app
 * @param {FramePane} frame
 * @param {SearchBar} search
 * @param {(filter: string) => void} colour makes a colour rule
 */
export function addRowMenu(app, frame, search, colour) {
  const grid = byId("frames", HTMLElement);
  const fields = byId("fields", HTMLElement);
  const pane = byId("sources", HTMLElement);

  on(
    grid,
    "contextmenu",
    async (event) => {
      const element = closestWith(event, "data-index");
      if (!element && event.button === 2) return;
      event.preventDefault();
      const index = element ? Number(element.dataset.index) : app.chosenIndex;
      if (index === null) return;
      const cell = event.target instanceof Element ? event.target.closest("[role=gridcell]") : null;
      const column = cell ? (/(?:cell-)?(\w+)/u.exec(cell.classList[1] ?? "")?.[1] ?? "name") : "name";
      const at =
        element && event.clientX > 0
          ? { x: event.clientX, y: event.clientY }
          : below(grid.querySelector("[aria-selected=true]") ?? grid);
      if (index !== app.chosenIndex) app.choose(index);
      const [row] = await app.capture.rows(index, 1);
      if (row) openMenu(`Row ${index + 1}`, [...filters(ofCell(row, column)), "line", ...follow(row)], at);
    },
    app.signal,
  );

  on(
    fields,
    "contextmenu",
    (event) => {
      const element = closestWith(event, "data-place");
      const field = frame.fieldAt(Number(element?.dataset.place ?? -1));
      if (!element || !field || !app.chosen) return;
      // What is selected is to be copied as ever.
      if (event.button === 2 && getSelection()?.toString()) return;
      event.preventDefault();
      const at = event.clientX > 0 ? { x: event.clientX, y: event.clientY } : below(element);
      const expression = ofField(field, app.chosen);
      const copy = { title: "Copy the value", run: () => void app.copy(field.value, field.label) };
      openMenu(
        field.label,
        [...filters(expression), ...(expression === "" ? [] : [/** @type {const} */ ("line")]), copy],
        at,
      );
    },
    app.signal,
  );

  app.command({
    id: "row-menu",
    title: "What can be done with this row, field or connection",
    group: "This row",
    keys: "Shift+F10",
    run: () => {
      const target = document.activeElement;
      const hasOwn = target instanceof HTMLElement && (fields.contains(target) || pane.contains(target));
      (hasOwn ? target : grid).dispatchEvent(
        new MouseEvent("contextmenu", { bubbles: true, cancelable: true, button: 0 }),
      );
    },
  });

  /** @param {string} expression @returns {Item[]} */
  function filters(expression) {
    if (expression === "") return [];
    const { filter } = app.view;
    const set = (/** @type {string} */ text) => void app.setView({ filter: text });
    /** @type {Item[]} */
    const items = [
      { title: "Show only these", detail: expression, run: () => set(expression) },
      { title: "Hide these", detail: negated(expression), run: () => set(both(filter, negated(expression))) },
    ];
    if (filter !== "" && filter !== expression)
      items.push({
        title: "Of those shown, only these",
        detail: `… and ${expression}`,
        run: () => set(both(filter, expression)),
      });
    items.push(
      { title: "Highlight these", run: () => void search.look({ kind: "filter", text: expression }) },
      { title: "Colour these", run: () => colour(expression) },
    );
    return items;
  }

  /** @param {Row} row @returns {Item[]} */
  function follow(row) {
    /** @type {Item[]} */
    const items = [];
    const { connection, fragment, index } = row;
    if (connection !== null)
      items.push({ title: `Follow connection ${connection}`, run: () => void app.setView({ connection }) });
    if (fragment)
      items.push({
        title: `Follow message ${fragment.message}, its ${fragment.of ?? fragment.number} frames`,
        run: () => void app.setView({ filter: messageOf(row), layer: "frames" }),
      });
    const isMarked = app.marked.has(index);
    items.push({ title: isMarked ? "Take the mark away" : "Mark", detail: "x", run: () => app.mark(index, !isMarked) });
    for (const command of app.commands.values())
      if (ABOUT_ROW.has(command.group) && command.id !== "row-menu" && command.enabled?.() !== false)
        items.push({
          title: command.title,
          ...(command.keys ? { detail: command.keys } : {}),
          run: () => command.run(),
        });
    return items;
  }
}

/** @param {Element} element */
function below(element) {
  const { left, bottom } = element.getBoundingClientRect();
  return { x: left + 24, y: bottom };
}
