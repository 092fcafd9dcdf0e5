// @ts-check
// What the pages that make somebody of a guest share: where to go afterwards, and what to say to who is somebody already.

import { byId, el } from "./dom.js";
import { nextAddress, onUser, startPage } from "./page.js";

/** @import { User } from "./page.js" */

/** Where people are sent here from, by the first part of the path. */
const PLACES = new Map([
  ["direct-messaging", "your messages"],
  ["video-call", "the calls"],
  ["account", "your account"],
]);

/** Fills `#notice`, and takes the way back along to the page for the others. */
export function welcome() {
  const other = byId("other", HTMLAnchorElement);
  other.search = location.search;
  onUser(render);
  render(null);
  void startPage();
}

/** To where the visitor wanted to go. The page is replaced, so that the way back does not lead to a form. */
export function goOn() {
  location.replace(nextAddress(location.search));
}

/** @param {User | null} user */
function render(user) {
  const next = new URL(nextAddress(location.search));
  const notice = byId("notice", HTMLElement);
  if (!user) {
    const wanted = PLACES.get(next.pathname.split("/")[1] ?? "");
    notice.replaceChildren(wanted ? `To go on to ${wanted}, say who you are.` : "");
    return;
  }
  notice.replaceChildren(
    el("p", {}, "You are signed in as ", el("strong", {}, el("bdi", {}, user.username)), "."),
    el(
      "p",
      { class: "actions" },
      el("a", { href: next.href }, next.pathname === "/" ? "To the home page" : "Go on"),
      el("a", { href: "/account" }, "Account"),
      el("a", { href: "/logout" }, "Sign out"),
    ),
  );
}
