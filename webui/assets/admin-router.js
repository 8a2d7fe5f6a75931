// Which view an address shows, and how to go from one to another without loading a
// page. Every view has an address of its own.
//
//	link clicked, back, go() ─► match ─► the view before is told to stop ─► the new one
import { base, h } from "./page.js";

let views = [];
let stop = new AbortController();
let show = () => {};

/** The path within the server: /admin/users, whatever comes before it. */
const path = () => location.pathname.slice(base.length).replace(/\/+$/, "") || "/";

/**
 * Begins. `routes` are [pattern, view]; the groups of a pattern are handed to its
 * view. `shown` is told which view is to be shown, and with what.
 */
export function begin(routes, shown) {
  [views, show] = [routes, shown];
  history.scrollRestoration = "manual";
  addEventListener("popstate", () => route(false));
  addEventListener("scroll", remember, { passive: true });
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!anchor || !plain || event.defaultPrevented || anchor.target || anchor.hasAttribute("download")) return;
    const url = new URL(anchor.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(`${base}/admin`) || url.hash) return;
    event.preventDefault();
    go(url.pathname.slice(base.length) + url.search);
  });
  route(true);
}

let timer;
function remember() {
  clearTimeout(timer);
  timer = setTimeout(() => note({ scroll: scrollY }), 150);
}

/** Keeps something with this entry of the history, for when it is come back to. */
export function note(what) {
  history.replaceState({ ...history.state, ...what }, "");
}

/** Goes to a view. */
export function go(address) {
  clearTimeout(timer);
  note({ scroll: scrollY });
  history.pushState(null, "", base + address);
  scrollTo(0, 0);
  route(false);
}

/** Writes the query of this view, without a new entry in the history. */
export function setQuery(query) {
  const given = Object.entries(query).filter(([, value]) => value);
  const text = new URLSearchParams(given).toString();
  history.replaceState(history.state, "", location.pathname + (text && `?${text}`));
}

/** A link to another view. */
export const link = (address, properties, ...children) => h("a", { ...properties, href: base + address }, ...children);

function route(first) {
  clearTimeout(timer); // what it would note is of the view before
  stop.abort();
  stop = new AbortController();
  for (const [pattern, view] of views) {
    const found = pattern.exec(path());
    if (found) {
      const { scroll = 0, ...kept } = history.state ?? {};
      return show(view, { groups: found.slice(1), query: new URLSearchParams(location.search), kept, scroll, first, signal: stop.signal });
    }
  }
}
