// @ts-check
// The account page: where one is signed in, and another password.

import { ask } from "../lib/ask.js";
import { byId, el, on } from "../lib/dom.js";
import { judge, passwordTrouble, refusal, sentence, showing, submitting } from "../lib/form.js";
import { refreshUser, startPage } from "../lib/page.js";
import { avatar, counted, timeAgo } from "../lib/text.js";
import { programName } from "./programs.js";

/**
 * @typedef {object} Session
 * @property {number} created milliseconds of Unix time, as is `expires`
 * @property {number} expires
 * @property {string} agent what the browser called itself
 * @property {boolean} current
 */

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { dateStyle: "medium" };

const form = byId("form", HTMLFormElement);
const current = byId("current", HTMLInputElement);
const fresh = byId("new", HTMLInputElement);
const formError = byId("form-error", HTMLElement);
const notice = byId("notice", HTMLElement);
const list = byId("sessions", HTMLElement);
const endOthers = byId("end-others", HTMLButtonElement);
const sessionsNote = byId("sessions-note", HTMLElement);
const sessionsError = byId("sessions-error", HTMLElement);

showing(byId("show-current", HTMLButtonElement), current);
showing(byId("show-new", HTMLButtonElement), fresh);
submitting(form, byId("submit", HTMLButtonElement), "Changing it…", changePassword);
on(endOthers, "click", endOtherSessions);
// What another tab did is seen when one comes back to this one.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && showSessions());

const { user } = await startPage({ needsUser: true });
if (user) {
  byId("name", HTMLElement).replaceChildren(el("bdi", {}, user.username));
  const picture = avatar(user.username);
  picture.classList.add("avatar-large");
  byId("picture", HTMLElement).replaceChildren(picture);
  byId("username", HTMLInputElement).value = user.username;
  await showSessions();
}

async function changePassword() {
  formError.textContent = "";
  notice.textContent = "";
  const isGood = judge([
    [current, current.value === "" ? "The password until now is needed." : ""],
    [fresh, passwordTrouble(fresh.value)],
  ]);
  if (!isGood) return;
  const reply = await ask("/api/account/password", { form: { current: current.value, new: fresh.value } });
  if (reply.isOk) {
    form.reset();
    notice.textContent = "The password is changed. You are signed out everywhere else.";
    await showSessions();
    return;
  }
  // Signed out meanwhile: the masthead finds out, and leads to signing in.
  if (reply.status === 401) await refreshUser();
  const refused = refusal(reply);
  formError.textContent = refused;
  if (refused !== "") return;
  const reason = sentence(reply.text, "The server does not take this password.");
  judge([[/8|256|new|long|short/i.test(reason) ? fresh : current, reason]]);
}

async function showSessions() {
  const reply = await ask("/api/account/sessions");
  list.setAttribute("aria-busy", "false");
  if (reply.status === 401) await refreshUser();
  if (!reply.isOk) {
    sessionsError.textContent = refusal(reply);
    return;
  }
  sessionsError.textContent = "";
  // The cast: the server's own list.
  const { sessions } = /** @type {{ sessions: Session[] }} */ (reply.json);
  const ordered = sessions.toSorted((one, other) => Number(other.current) - Number(one.current));
  list.replaceChildren(...ordered.map(row));
  endOthers.hidden = sessions.length < 2;
}

/** @param {Session} session */
function row({ created, expires, agent, current: isThis }) {
  return el(
    "li",
    { class: "session" },
    el("span", { class: "session-name", title: agent }, programName(agent)),
    isThis ? el("span", { class: "session-here" }, "This browser") : null,
    el("span", { class: "note" }, `since ${moment(created)}, until ${new Date(expires).toLocaleDateString("en", DAY)}`),
  );
}

/** @param {number} time */
function moment(time) {
  const words = timeAgo(time);
  return words === "just now" ? "a moment ago" : words;
}

async function endOtherSessions() {
  sessionsError.textContent = "";
  const reply = await ask("/api/account/sessions/end-others", { method: "POST" });
  if (reply.isOk) {
    const ended =
      typeof reply.json === "object" && reply.json !== null && "ended" in reply.json ? Number(reply.json.ended) : 0;
    sessionsNote.textContent = `${counted(ended, "other session")} ended.`;
    await showSessions();
    return;
  }
  if (reply.status === 401) await refreshUser();
  sessionsError.textContent = refusal(reply) || sentence(reply.text, "The server could not do it.");
}
