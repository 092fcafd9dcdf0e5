// @ts-check
// The lab's own stylesheet, for whoever opens one of its tools.

import { el } from "../../../lib/dom.js";

const ADDRESS = "/inspector/lab.css";

export function wearSheet() {
  if (document.querySelector(`link[href="${ADDRESS}"]`)) return;
  document.head.append(el("link", { rel: "stylesheet", href: ADDRESS }));
}
