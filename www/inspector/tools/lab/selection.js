// @ts-check
// Which rows a command of the lab is about. By itself, so that the list has the commands without the lab.

/** @import { App } from "../../app.js" */

/** Rows asked for at once. */
const BATCH = 2000;

/** The rows that commands are about: those marked, or else the chosen one. @param {App} app */
export function selectedRows({ marked, chosenIndex }) {
  if (marked.size > 0) return [...marked].toSorted((one, other) => one - other);
  return chosenIndex === null ? [] : [chosenIndex];
}

/** All rows of the message that a row belongs to. @param {App} app @param {number} index @returns {Promise<number[]>} */
export async function rowsOfMessage(app, index) {
  const details = await app.capture.frame(index);
  const fragment = details?.row.fragment;
  if (!details || !fragment) return [index];
  const { connection, direction } = details.row;
  const last = fragment.lastRow ?? index;
  const rows = await app.capture.rows(fragment.firstRow, Math.min(BATCH, last - fragment.firstRow + 1));
  return rows
    .filter(
      (row) =>
        row.connection === connection && row.direction === direction && row.fragment?.message === fragment.message,
    )
    .map((row) => row.index);
}
