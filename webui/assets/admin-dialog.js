// Dialogs: a form in front of the page. The focus goes in, stays in, and comes back.
import { onSubmit } from "./form.js";
import { client } from "./page.js";
import { button, h, t } from "./admin-ui.js";

let count = 0;

/** A field of a form in a dialog, as layout.html writes it, for form.js. */
export function field({ name, label, kind = "text", autocomplete = "off", value = "", hint, ...more }) {
  const id = `d${++count}-${name}`;
  const described = `${hint ? `${id}-hint ` : ""}${id}-wrong`;
  const plain = { autocapitalize: "off", spellcheck: "false", maxlength: kind === "password" ? "1024" : "320" };
  const input = h(kind === "textarea" ? "textarea" : "input", {
    id,
    name,
    type: kind === "textarea" ? undefined : kind,
    autocomplete,
    "aria-describedby": described,
    ...plain,
    ...more,
  });
  input.value = value;
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    kind === "password"
      ? h("div", { class: "secret" }, input, h("button", { type: "button", class: "reveal", "aria-controls": id, "aria-pressed": "false", hidden: true }, t("password.show")))
      : input,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "wrong", id: `${id}-wrong`, role: "alert" }),
  );
}

/** Boxes to check, which form.js does not know. */
export function boxes(legend, name, options, checked, describe = () => undefined) {
  return h(
    "fieldset",
    { class: "boxes" },
    h("legend", {}, legend),
    ...options.map((option) => {
      const id = `d${++count}-${name}`;
      const note = describe(option);
      const box = h("input", { type: "checkbox", id, name, value: option, "aria-describedby": note && `${id}-note` });
      box.checked = checked.includes(option);
      return h("div", { class: "box" }, box, h("label", { for: id }, option), note && h("p", { class: "hint", id: `${id}-note` }, note));
    }),
  );
}

/**
 * Opens a dialog with a form and resolves to what `act` returned, or to undefined
 * if it was closed without. What `act` throws is said in the dialog, which stays.
 */
export function openForm({ title, text, content = [], missing = {}, yes, danger = false, act }) {
  const id = `d${++count}`;
  return new Promise((resolve) => {
    let outcome;
    const form = h(
      "form",
      { method: "post", novalidate: true },
      h("h2", { id: `${id}-title` }, title),
      text && h("p", { id: `${id}-text` }, text),
      h("div", { class: "alert danger", role: "alert", "data-complaint": true, hidden: true }),
      ...content,
      h(
        "div",
        { class: "actions" },
        button(t("dialog.cancel"), { onclick: () => dialog.close() }),
        h("button", { class: danger ? "primary danger" : "primary" }, yes),
      ),
    );
    const dialog = h("dialog", { "aria-labelledby": `${id}-title`, "aria-describedby": text && `${id}-text` }, form);
    document.body.append(dialog); // form.js looks for what belongs together by id
    onSubmit(form, {
      missing,
      busy: "form.busy",
      // Of several boxes none is the one that is wrong.
      place: ({ field }) => (form.elements[field] instanceof HTMLElement ? field : undefined),
      async act(values) {
        try {
          outcome = await act(values, form);
        } catch (error) {
          if (error.code === "cancelled") return; // it stays open
          throw error;
        }
        dialog.close();
      },
    });
    show(dialog, () => resolve(outcome));
  });
}

/** Opens a dialog that says something, with buttons of its own. */
export function openNote({ title, content }) {
  const id = `d${++count}`;
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": `${id}-title` },
      h("h2", { id: `${id}-title` }, title),
      ...content,
      h("div", { class: "actions" }, button(t("close"), { kind: "primary", onclick: () => dialog.close() })),
    );
    show(dialog, resolve);
  });
}

function show(dialog, closed) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    closed();
  });
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), textarea, select")?.focus();
}

let asking;

/**
 * Asks for the password again and signs in anew: the session of this browser is
 * replaced, in all tabs. Fails with the code "cancelled" if the user thinks better
 * of it. Whoever asks meanwhile waits for the same answer.
 */
export function askPassword() {
  asking ??= confirmPassword().finally(() => (asking = undefined));
  return asking;
}

async function confirmPassword() {
  const { username } = client.user ?? {};
  const done = await openForm({
    title: t("step_up.title"),
    text: t("step_up.text", { name: username }),
    content: [
      h("input", { type: "text", name: "username", autocomplete: "username", value: username, hidden: true, readonly: true }),
      field({ name: "password", label: t("signin.password"), kind: "password", autocomplete: "current-password" }),
    ],
    missing: { password: "signin.password_missing" },
    yes: t("step_up.submit"),
    async act({ password }) {
      try {
        await client.signIn({ username, password });
      } catch (error) {
        throw error.code === "credentials_wrong" ? Object.assign(new Error(), { code: "password_wrong", field: "password" }) : error;
      }
      return true;
    },
  });
  if (!done) throw Object.assign(new Error("cancelled"), { code: "cancelled" });
}
