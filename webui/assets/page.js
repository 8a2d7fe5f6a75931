// What the scripts of all pages share: the client, the texts, and how to say
// things. Nothing here makes markup out of text.
import { createClient } from "./client.js";
import texts from "./texts.js";

/** The path before every address of this server. */
export const base = document.documentElement.dataset.base ?? "";

export const client = createClient({ baseURL: location.origin + base, delivery: "cookie" });

/** The text of a key, with its places filled in; undefined if there is none. */
export function t(key, values = {}) {
  return texts[key]?.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/** Makes an element: h("p", { class: "hint" }, "text", child). Properties that begin with "on" are listeners. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** Says something that passes by itself. */
export function toast(text) {
  const shown = h("div", { class: "toast" }, text);
  document.querySelector("#toasts").append(shown);
  setTimeout(() => shown.remove(), 6_000);
}

/** What an error means, in words. */
export function explain(error) {
  if (error.code === "throttled" && error.retryAfter) return t("problem.throttled_for", { wait: waitFor(error.retryAfter) });
  return t(`problem.${error.code}`) ?? (error.code ? error.message : t("problem.internal"));
}

/** How long to wait, in words. */
export function waitFor(milliseconds) {
  const n = Math.ceil(milliseconds / 1000);
  if (n === 1) return t("wait.second");
  return n < 120 ? t("wait.seconds", { n }) : t("wait.minutes", { n: Math.ceil(n / 60) });
}

/** A day in words: of a moment, in the time of this place; of a day such as 2026-11-21, as it stands. */
export function on(time) {
  const day = time.length === 10;
  const zone = day ? { timeZone: "UTC" } : {};
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", ...zone });
  const written = format.format(new Date(time));
  if (written === format.format(new Date())) return t("date.today");
  if (written === format.format(new Date(Date.now() - 86_400_000))) return t("date.yesterday");
  return written;
}

/** Whether this browser has used the client here before, so that there may be a session. */
export function usedHere() {
  try {
    return localStorage.getItem(`watchword:${location.origin}${base}`) !== null;
  } catch {
    return false;
  }
}

let leaving = false;

/**
 * Leaves for the sign-in page, which says why the session ended and leads back here. Once:
 * that the session has ended is told by the client, and by each call that meets it.
 */
export function toSignIn(reason) {
  if (leaving) return;
  leaving = true;
  const query = new URLSearchParams({ return_to: location.pathname + location.search });
  if (reason) query.set("reason", reason);
  location.replace(`${base}/signin?${query}`);
}

/** Asks before something is done. Resolves to whether to do it. */
export function confirm({ title, text, yes, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "dialog-title" }, title),
        h("p", { id: "dialog-text" }, text),
        h(
          "div",
          { class: "actions" },
          h("button", { value: "" }, t("dialog.cancel")),
          h("button", { value: "yes", class: danger ? "primary danger" : "primary" }, yes),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
