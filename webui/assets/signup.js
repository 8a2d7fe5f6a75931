import { onSubmit } from "./form.js";
import { client } from "./page.js";

const form = document.querySelector("form");
let made; // the account that there is, though signing in failed

onSubmit(form, {
  missing: { username: "signup.username_missing", email: "signup.email_missing", password: "signup.password_missing" },
  busy: "signup.busy",
  async act({ username, email, password }) {
    if (made !== username) await client.signUp({ username, email, password });
    made = username;
    await client.signIn({ username, password });
    form.reset();
    location.replace(form.dataset.return);
    await new Promise(() => {}); // busy until the page is gone
  },
});
