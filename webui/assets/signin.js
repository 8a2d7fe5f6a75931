import { onSubmit } from "./form.js";
import { client, h, t, usedHere } from "./page.js";

const form = document.querySelector("form");
const leave = () => location.replace(form.dataset.return);
let leaving = false;

onSubmit(form, {
  missing: { login: "signin.login_missing", password: "signin.password_missing" },
  busy: "signin.busy",
  place: () => undefined, // nobody is told which of the two is wrong
  async act({ login, password }) {
    leaving = true;
    try {
      await client.signIn(login.includes("@") ? { email: login, password } : { username: login, password });
    } catch (error) {
      leaving = false;
      throw error;
    }
    form.reset();
    leave();
    await new Promise(() => {}); // busy until the page is gone
  },
});

/** Lets somebody who is signed in go on, in place of the form. They are not sent on by themselves: an app that
 * does not know them would send them back, for ever. */
function offerToContinue() {
  const { user } = client;
  if (!user || leaving || form.hidden) return;
  if (form.elements.login.value || form.elements.password.value) return; // busy with the form
  const offer = h(
    "div",
    { class: "offer" },
    h("p", {}, t("signin.already", { name: user.username })),
    h("button", { class: "primary wide", type: "button", onclick: leave }, t("signin.continue", { name: user.username })),
    h(
      "button",
      {
        class: "quiet wide",
        type: "button",
        onclick() {
          offer.remove();
          form.hidden = false;
          form.elements.login.focus();
        },
      },
      t("signin.another"),
    ),
  );
  form.hidden = true;
  form.after(offer);
}

client.onChange(offerToContinue);

// Why the session ended is told once.
const farewell = document.querySelector("#farewell");
const address = new URL(location.href);
if (address.searchParams.has("reason")) {
  address.searchParams.delete("reason");
  history.replaceState(null, "", address);
} else if (usedHere()) {
  const { reason } = await client.ready();
  const text = reason && reason !== "signed_out" && t(`ended.${reason}`);
  if (text) {
    farewell.textContent = text;
    farewell.classList.toggle("warning", reason === "reuse_detected" || reason === "user_blocked");
    farewell.hidden = false;
  }
}
