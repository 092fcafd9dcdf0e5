// @ts-check
// Sending again what was captured, from the list: by key, and from the palette. The lab itself is loaded when one of them
// is used.

import { rowsOfMessage, selectedRows } from "./selection.js";

/** @import { App } from "../../app.js" */

/** @param {App} app */
export function addLabCommands(app) {
  const hasFrames = () => selectedRows(app).length > 0;
  const isFrame = () => app.chosen?.details.row.kind === "frame";
  const group = "Lab";
  /** @param {import("./compose.js").Resend} resend */
  const open = (resend) => void app.openTool("lab", { resend });
  app.command({
    id: "resend",
    title: "Send again, as it was, the frames that are marked, or the chosen one",
    group,
    keys: "r",
    enabled: hasFrames,
    run: () => open({ rows: selectedRows(app), isSentAtOnce: true }),
  });
  app.command({
    id: "resend-masked",
    title: "Send again, masked anew",
    group,
    enabled: hasFrames,
    run: () => open({ rows: selectedRows(app), isSentAtOnce: true, keepsKey: false }),
  });
  app.command({
    id: "resend-edited",
    title: "Edit the frames that are marked, or the chosen one, and send them again",
    group,
    keys: "Shift+R",
    enabled: hasFrames,
    run: () => open({ rows: selectedRows(app) }),
  });
  app.command({
    id: "resend-message",
    title: "Edit the whole message of the chosen frame, and send it again",
    group,
    enabled: isFrame,
    run: async () => open({ rows: await rowsOfMessage(app, app.chosen?.index ?? 0) }),
  });
  app.command({
    id: "replay",
    title: "Replay the client’s side of this connection",
    group,
    // Without a tunnel there is nobody to replay to.
    enabled: () => !app.isProxy && app.chosen?.details.row.connection != null,
    run: () => void app.openTool("lab", { replay: app.chosen?.details.row.connection ?? undefined }),
  });
}
