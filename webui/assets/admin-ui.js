// What the views of the console share: words, times, and the pieces they are made
// of. What a user or a stranger chose is only ever put in as text.
import words from "./admin-texts.js";
import { device as deviceOf } from "./device.js";
import { h, t as shared } from "./page.js";

export { h };
export const deviceName = (userAgent) => deviceOf(userAgent).name;

const lang = document.documentElement.lang;

/** The text of a key, with its places filled in: the console's own, or one of all pages. */
export function t(key, values = {}) {
  return words[`admin.${key}`]?.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place) ?? shared(key, values);
}

/** The text for a number of things: the key with ".one" for one, and with ".other". */
export function count(key, n) {
  const form = new Intl.PluralRules(lang).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: number(n) });
}

export const number = (n) => new Intl.NumberFormat(lang).format(n);

const clock = new Intl.DateTimeFormat(lang, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(lang, { dateStyle: "long" });
const moment = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
const units = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30.44, "day"],
  [12, "month"],
  [Infinity, "year"],
];

export const atClock = (time) => clock.format(new Date(time));
export const atDay = (time) => day.format(new Date(time));
export const atMoment = (time) => moment.format(new Date(time));

/** How long ago, or how long until, in words: "3 hours ago". */
export function ago(time, now = Date.now()) {
  let span = (new Date(time) - now) / 1000;
  if (Math.abs(span) < 10) return t("now");
  for (const [size, unit] of units) {
    if (Math.abs(span) < size * 0.95) return new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(Math.round(span), unit);
    span /= size;
  }
}

/** A time, said relative to now, with the exact one on asking. */
export function when(time) {
  return h("time", { datetime: time, title: atMoment(time) }, ago(time));
}

/** Whether something was meant to stop: a newer view took the place, or the user thought better of it. */
export const stopped = (error) => error?.name === "AbortError" || error?.code === "cancelled";

/** The first letters of a name, on a ground of its own. */
export function avatar(name, large = false) {
  const letters = [...name.replace(/[^\p{L}\p{N}]/gu, "")].slice(0, 2).join("").toUpperCase() || "?";
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return h("span", { class: `avatar hue${hash % 6}${large ? " large" : ""}`, "aria-hidden": "true" }, letters);
}

export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

/** A role, and whether it is one to notice. */
export const roleBadge = (role) => badge(role, role === "admin" ? "role strong" : "role");

export function button(text, { kind = "", label, ...more } = {}) {
  return h("button", { type: "button", class: kind || undefined, "aria-label": label, ...more }, text);
}

/** The head of a view: its title, which has the focus after a navigation, and what can be done. */
export function heading(title, lead, ...acts) {
  const box = h("div", { class: "acts" }, ...acts);
  return h(
    "div",
    { class: "title" },
    h("div", {}, h("h1", { tabindex: "-1" }, title), lead && h("p", { class: "lead" }, lead)),
    acts.length > 0 && box,
  );
}

/** A card with a title. */
export function card(title, ...content) {
  const id = `title-${Math.random().toString(36).slice(2)}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...content);
}

/** Lines in the place of what is on its way. */
export function waiting(lines = 4) {
  const rows = Array.from({ length: lines }, () => h("div", { class: "bone" }));
  return h("div", { class: "bones", role: "status" }, h("span", { class: "unseen" }, t("loading")), ...rows);
}

/** What is shown where nothing is. */
export function empty(title, text) {
  return h("div", { class: "empty" }, h("p", { class: "name" }, title), text && h("p", {}, text));
}

/** What went wrong, with a way to try again. */
export function failed(text, again) {
  return h(
    "div",
    { class: "empty failed", role: "alert" },
    h("p", { class: "name" }, t("failed")),
    h("p", {}, text),
    button(t("again"), { onclick: again }),
  );
}

/**
 * A list that grows page by page. `load(before)` gets one: { items, next }; `row`
 * makes an element of an item. The list is loaded when `start` is called, from the
 * beginning. What is late, because it was started anew, is dropped.
 */
export function pages({ load, row, none, label, explain, grew = () => {} }) {
  const list = h("ul", { class: "list", "aria-label": label });
  const foot = h("div", { class: "foot" });
  const box = h("div", { class: "pages", "aria-busy": "true" }, list, foot);
  let turn = 0;
  let shown = 0;

  async function next(before, mine) {
    foot.replaceChildren();
    if (before === undefined && shown === 0) foot.replaceChildren(waiting());
    box.setAttribute("aria-busy", "true");
    let page;
    try {
      page = await load(before);
    } catch (error) {
      if (mine !== turn || stopped(error)) return;
      box.removeAttribute("aria-busy");
      if (before === undefined) list.replaceChildren();
      foot.replaceChildren(failed(explain(error), () => next(before, mine)));
      return;
    }
    if (mine !== turn) return;
    const rows = page.items.map(row);
    if (before === undefined) {
      list.replaceChildren(...rows);
      shown = 0;
    } else {
      list.append(...rows);
    }
    shown += rows.length;
    box.removeAttribute("aria-busy");
    foot.replaceChildren();
    if (shown === 0) foot.append(none());
    if (page.next) foot.append(button(t("more"), { onclick: () => more(page.next, mine) }));
    grew(shown);
  }

  async function more(before, mine) {
    const last = list.lastElementChild;
    foot.firstElementChild.disabled = true;
    await next(before, mine);
    // The button that had the focus is gone: it goes to what is new.
    const target = last?.nextElementSibling?.querySelector("a, button, summary");
    target?.focus();
  }

  return {
    box,
    list,
    start() {
      turn++;
      box.setAttribute("aria-busy", "true"); // what is there stays until the answer is here
      return next(undefined, turn);
    },
    get shown() {
      return shown;
    },
  };
}

/** Calls `act` when no call has come for a while. */
export function debounced(milliseconds, act) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}
