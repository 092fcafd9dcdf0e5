// @ts-check
// Signing in.

import { ask } from "../lib/ask.js";
import { byId } from "../lib/dom.js";
import { judge, refusal, sentence, showing, submitting } from "../lib/form.js";
import { goOn, welcome } from "../lib/guest.js";

const form = byId("form", HTMLFormElement);
const username = byId("username", HTMLInputElement);
const password = byId("password", HTMLInputElement);
const formError = byId("form-error", HTMLElement);

welcome();
showing(byId("show", HTMLButtonElement), password);
submitting(form, byId("submit", HTMLButtonElement), "Signing in…", signIn);

async function signIn() {
  formError.textContent = "";
  const isFilled = judge([
    [username, username.value === "" ? "Which name did you register?" : ""],
    [password, password.value === "" ? "The password is needed." : ""],
  ]);
  if (!isFilled) return;
  const reply = await ask("/login", { form: { username: username.value, password: password.value } });
  if (reply.isOk) {
    goOn();
    return;
  }
  const refused = refusal(reply);
  formError.textContent = refused;
  if (refused !== "") return;
  // Which of the two was wrong is nobody's business; the password is what people mistype.
  username.setAttribute("aria-invalid", "true");
  judge([[password, sentence(reply.text, "Name or password is wrong.")]]);
  password.select();
}
