// The page on which a user chooses a password, with the code of a link that an
// administrator made.
import { post } from "./admin-post.js";
import { onSubmit } from "./form.js";
import { t } from "./page.js";

const find = (selector) => document.querySelector(selector);
const form = find("form");

/** Says that the link is of no use. */
function die(text) {
  form.hidden = true;
  find("#dead").textContent = text;
  find("#dead").hidden = false;
}

function begin() {
  const code = location.hash.slice(1);
  form.hidden = !code;
  find("#dead").hidden = true;
  if (!code) die(t("reset.no_code"));
}

onSubmit(form, {
  missing: { password: "password.new_missing" },
  busy: "password.busy",
  async act({ password }) {
    let username;
    try {
      ({ username } = await post("/api/auth/reset", { code: location.hash.slice(1), password }));
    } catch (error) {
      if (error.code !== "reset_code_invalid") throw error;
      return die(t("problem.reset_code_invalid"));
    }
    removeEventListener("hashchange", begin);
    history.replaceState(null, "", location.pathname); // the code has done its work
    form.reset();
    form.hidden = true;
    find("#title").textContent = t("reset.done_title");
    find("#lead").textContent = t("reset.done", { name: username });
    find("#done").hidden = false;
    find("#title").focus();
  },
});

addEventListener("hashchange", begin);
begin();
