// Forms whose script does what the form without a script does, with no reload.
import { explain, h, t } from "./page.js";

/** Shows the buttons that reveal a password, of which only scripts make use. */
export function revealable(form) {
  for (const button of form.querySelectorAll(".reveal")) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = t(shown ? "password.hide" : "password.show");
      button.setAttribute("aria-pressed", String(shown));
    };
    button.addEventListener("click", () => show(input.type === "password"));
    form.addEventListener("submit", () => show(false)); // for password managers, and who looks on
    button.hidden = false;
  }
}

/**
 * Takes over the submission of a form. `missing` maps the names of fields that must
 * not be empty to the text that says so; `act` is given the values. What it
 * throws is said at the field that is wrong, or above the form.
 */
export function onSubmit(form, { missing, busy, act, place = (error) => error.field }) {
  revealable(form);
  const button = form.querySelector("button:not([type=button])");
  const label = button.textContent;
  let running = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    clear(form);
    const values = Object.fromEntries(new FormData(form));
    const empty = Object.keys(missing).filter((name) => !values[name]);
    for (const name of empty) complain(form, name, t(missing[name]));
    if (empty.length) return form.elements[empty[0]].focus();
    running = true;
    button.setAttribute("aria-disabled", "true");
    button.classList.add("busy");
    button.textContent = t(busy);
    try {
      await act(values);
    } catch (error) {
      const name = place(error);
      complain(form, name, explain(error));
      if (error.code === "throttled" && error.retryAfter) countDown(form, error);
      const input = form.elements[name] ?? Object.keys(missing).map((key) => form.elements[key]).at(-1);
      input?.focus();
      input?.select?.();
    } finally {
      running = false;
      button.removeAttribute("aria-disabled");
      button.classList.remove("busy");
      button.textContent = label;
    }
  });
}

/** Says what is wrong, at a field or above the form. */
export function complain(form, name, text) {
  const input = name && form.elements[name];
  if (input) {
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-wrong`).textContent = text;
    return;
  }
  const alert = form.querySelector("[data-complaint]");
  alert.textContent = text;
  alert.hidden = false;
}

/** Shows how the wait gets shorter. Who listens was told it once; what ticks is for the eye. */
function countDown(form, error) {
  const alert = form.querySelector("[data-complaint]");
  const until = performance.now() + error.retryAfter;
  const shown = h("span", { "aria-hidden": "true" }, alert.textContent);
  alert.replaceChildren(h("span", { class: "unseen" }, alert.textContent), shown);
  const timer = setInterval(() => {
    const left = until - performance.now();
    if (left > 0 && shown.isConnected) shown.textContent = explain({ code: error.code, retryAfter: left });
    else clearInterval(timer);
    if (left <= 0 && shown.isConnected) clear(form);
  }, 1_000);
}

function clear(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const wrong of form.querySelectorAll(".wrong")) wrong.textContent = "";
  const alert = form.querySelector("[data-complaint]");
  alert.hidden = true;
  alert.textContent = "";
}
