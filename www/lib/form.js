// @ts-check
// What forms have in common: trouble said beside the field it is about, and a button that waits.

import { byId, on } from "./dom.js";
import { refreshUser } from "./page.js";
import { duration } from "./text.js";

/** @import { Reply } from "./ask.js" */

/** What the contract asks of a name and of a password. */
const NAME = /^[A-Za-z0-9_.-]{1,32}$/;
const PASSWORD_BYTES = { least: 8, most: 256 };

/**
 * Says what is wrong with a field, in the element whose id is the field's with `-error`; "" takes it back.
 *
 * @param {HTMLInputElement} input
 * @param {string} trouble
 */
export function mark(input, trouble) {
  byId(`${input.id}-error`, HTMLElement).textContent = trouble;
  if (trouble === "") input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

/**
 * Marks the fields that have trouble and moves to the first of them.
 *
 * @param {[HTMLInputElement, string][]} found each field with its trouble, or ""
 * @returns {boolean} whether all is well
 */
export function judge(found) {
  for (const [input, trouble] of found) mark(input, trouble);
  const first = found.find(([, trouble]) => trouble !== "")?.[0];
  first?.focus();
  return !first;
}

/** @param {string} name */
export function nameTrouble(name) {
  if (name === "") return "A name is needed.";
  if (name.length > 32) return `A name has at most 32 characters; this one has ${name.length}.`;
  return NAME.test(name) ? "" : "A name is made of A–Z, a–z, 0–9 and _ . - only.";
}

/** For a new one: of an old one only the server can judge. @param {string} password */
export function passwordTrouble(password) {
  const bytes = new TextEncoder().encode(password).length;
  if (bytes === 0) return "A password is needed.";
  if (bytes < PASSWORD_BYTES.least) return `A password has at least ${PASSWORD_BYTES.least} characters.`;
  return bytes > PASSWORD_BYTES.most
    ? `A password has at most ${PASSWORD_BYTES.most} bytes; this one has ${bytes}.`
    : "";
}

/**
 * A button that shows what was typed into a password field, and hides it again.
 *
 * @param {HTMLButtonElement} button
 * @param {HTMLInputElement} input
 */
export function showing(button, input) {
  button.hidden = false;
  on(button, "click", () => show(button, input, input.type === "password"));
  // As a password again before it goes, or password managers do not know it for one.
  if (input.form) on(input.form, "submit", () => show(button, input, false));
}

/** @param {HTMLButtonElement} button @param {HTMLInputElement} input @param {boolean} isShown */
function show(button, input, isShown) {
  input.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
}

/**
 * Does `work` when the form is submitted, once at a time; the button says meanwhile that it does.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} button
 * @param {string} words what it says meanwhile
 * @param {() => Promise<void>} work
 */
export function submitting(form, button, words, work) {
  const usual = button.textContent;
  let isBusy = false;
  const rest = () => {
    isBusy = false;
    button.removeAttribute("aria-disabled");
    button.textContent = usual;
  };
  form.noValidate = true;
  on(form, "input", ({ target }) => target instanceof HTMLInputElement && mark(target, ""));
  on(form, "submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    // Not `disabled`: whoever pressed it keeps their place.
    button.setAttribute("aria-disabled", "true");
    button.textContent = words;
    await work().finally(rest);
  });
}

/**
 * In words, why a form was not taken for a reason that is none of its fields'; "" if it is about the fields.
 *
 * @param {Reply} reply
 * @returns {string}
 */
export function refusal({ status, retryAfter }) {
  const when = retryAfter === null ? "later" : `in ${duration(retryAfter)}`;
  switch (status) {
    case 400:
    case 401:
      return "";
    case 0:
      // The banner says when it is there again.
      void refreshUser();
      return "The server does not answer. What you typed is still here: try again when it does.";
    case 403:
      return "The server takes this only from its own pages. Open this page by the server’s own address.";
    case 413:
      return "That is too long for the server.";
    case 429:
      return `Too many tries. Try again ${when}.`;
    case 503:
      return `The server is busy. Try again ${when}.`;
    default:
      return `The server could not do it (status ${status}). Try again later.`;
  }
}

/**
 * A sentence out of a server's short reason.
 *
 * @param {string} reason
 * @param {string} otherwise if it gave none
 */
export function sentence(reason, otherwise) {
  const text = reason.trim().slice(0, 300);
  if (text === "" || text.startsWith("<") || text.startsWith("{")) return otherwise;
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
