// @ts-check
// Registering, and signing in right away.

import { ask } from "../lib/ask.js";
import { byId } from "../lib/dom.js";
import { judge, nameTrouble, passwordTrouble, refusal, sentence, showing, submitting } from "../lib/form.js";
import { goOn, welcome } from "../lib/guest.js";

const form = byId("form", HTMLFormElement);
const username = byId("username", HTMLInputElement);
const password = byId("password", HTMLInputElement);
const formError = byId("form-error", HTMLElement);

welcome();
showing(byId("show", HTMLButtonElement), password);
submitting(form, byId("submit", HTMLButtonElement), "Registering…", register);

async function register() {
  formError.textContent = "";
  const isGood = judge([
    [username, nameTrouble(username.value)],
    [password, passwordTrouble(password.value)],
  ]);
  if (!isGood) return;
  const account = { username: username.value, password: password.value };
  const reply = await ask("/register", { form: account });
  if (reply.isOk) {
    const { isOk } = await ask("/login", { form: account });
    if (isOk) goOn();
    // Registered, but the server has no time for signing in: that page can be tried again.
    else location.replace(`/login${location.search}`);
    return;
  }
  const refused = refusal(reply);
  formError.textContent = refused;
  if (refused !== "") return;
  const reason = sentence(reply.text, "The server does not take this name or password.");
  judge([[/password/i.test(reason) ? password : username, reason]]);
}
