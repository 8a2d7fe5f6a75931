// The page on which the first administrator is made, with the code of the link
// that the server printed.
import { onSubmit } from "./form.js";
import { base, client, t } from "./page.js";
import { post } from "./admin-post.js";

const form = document.querySelector("form");
const dead = document.querySelector("#dead");

/** Says that the link is of no use. */
function die(text) {
  form.hidden = true;
  dead.textContent = text;
  dead.hidden = false;
}

function begin() {
  const code = location.hash.slice(1);
  form.hidden = !code;
  dead.hidden = true;
  if (!code) die(t("setup.no_code"));
}

onSubmit(form, {
  missing: { username: "signup.username_missing", email: "signup.email_missing", password: "signup.password_missing" },
  busy: "setup.busy",
  async act({ username, email, password }) {
    try {
      await post("/api/auth/setup", { code: location.hash.slice(1), username, email, password });
    } catch (error) {
      if (error.code !== "setup_code_invalid") throw error;
      return die(t("problem.setup_code_invalid"));
    }
    history.replaceState(null, "", location.pathname); // the code has done its work
    try {
      await client.signIn({ username, password });
      location.replace(`${base}/admin`);
    } catch {
      location.replace(`${base}/signin?return_to=${encodeURIComponent(`${base}/admin`)}`); // the account is there
    }
    await new Promise(() => {}); // busy until the page is gone
  },
});

addEventListener("hashchange", begin);
begin();
