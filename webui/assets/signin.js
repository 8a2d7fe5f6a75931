import { onSubmit } from "./form.js";
import { client } from "./page.js";

const form = document.querySelector("form");

onSubmit(form, {
  missing: { login: "signin.login_missing", password: "signin.password_missing" },
  busy: "signin.busy",
  place: () => undefined,
  async act({ login, password }) {
    await client.signIn(login.includes("@") ? { email: login, password } : { username: login, password });
    form.reset();
    location.replace(form.dataset.return);
    await new Promise(() => {}); // busy until the page is gone
  },
});
