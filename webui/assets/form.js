// Forms whose script does what the form without a script does, with no reload.
import { explain, t } from "./page.js";

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
      (form.elements[name] ?? Object.keys(missing).map((key) => form.elements[key]).at(-1)).focus();
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

function clear(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const wrong of form.querySelectorAll(".wrong")) wrong.textContent = "";
  const alert = form.querySelector("[data-complaint]");
  alert.hidden = true;
  alert.textContent = "";
}
