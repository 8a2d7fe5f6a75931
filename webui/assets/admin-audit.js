// The audit trail: what happened, filtered, and a copy of it to take away.
import { ask, download, explain } from "./admin-api.js";
import { eventRow, types } from "./admin-events.js";
import { setQuery } from "./admin-router.js";
import { button, debounced, empty, h, heading, number, pages, stopped, t } from "./admin-ui.js";
import { toast } from "./page.js";

export function auditView({ query, signal }) {
  const given = (name) => query.get(name) ?? "";
  const filter = { type: given("type"), user: given("user"), session: given("session"), since: given("since"), until: given("until") };
  let inquiry = new AbortController();
  signal.addEventListener("abort", () => inquiry.abort());

  const status = h("p", { class: "unseen", role: "status" });
  const list = pages({
    label: t("audit"),
    explain,
    row: (event) => eventRow(event),
    none: () => empty(t("audit.none"), Object.values(filter).some(Boolean) ? t("audit.none_text") : undefined),
    grew: (n) => (status.textContent = t("audit.shown", { n: number(n) })),
    load: async (before) => {
      const answer = await ask("GET", "/api/admin/audit", { query: { ...filter, before, limit: 50 }, signal: inquiry.signal });
      return { items: answer.events, next: answer.next };
    },
  });

  function search() {
    inquiry.abort();
    inquiry = new AbortController();
    setQuery(filter);
    clear.hidden = !Object.values(filter).some(Boolean);
    return list.start();
  }

  const type = h(
    "select",
    {
      id: "type",
      onchange: () => {
        filter.type = type.value;
        search();
      },
    },
    h("option", { value: "" }, t("audit.any_type")),
    ...types.map((name) => h("option", { value: name }, t(`type.${name}`) ?? name)),
    filter.type && !types.includes(filter.type) && h("option", { value: filter.type }, filter.type),
  );
  type.value = filter.type;

  const user = userField(filter.user, signal, inquiryOf);
  function inquiryOf(id) {
    if (filter.user === id) return;
    filter.user = id;
    search();
  }

  const session = h("input", {
    type: "text",
    id: "session",
    class: "code",
    maxlength: "32",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "session-wrong",
    oninput: debounced(300, () => {
      const text = session.value.trim().toLowerCase();
      const good = text === "" || /^[0-9a-f]{32}$/.test(text);
      session.toggleAttribute("aria-invalid", false);
      if (!good) session.setAttribute("aria-invalid", "true");
      wrong.textContent = good ? "" : t("audit.session_wrong");
      if (!good || filter.session === text || signal.aborted) return;
      filter.session = text;
      search();
    }),
  });
  session.value = filter.session;
  const wrong = h("p", { class: "wrong", id: "session-wrong", role: "alert" });

  const time = (name) => {
    const input = h("input", {
      type: "datetime-local",
      id: name,
      onchange: () => {
        filter[name] = input.value ? new Date(input.value).toISOString() : "";
        search();
      },
    });
    if (filter[name]) input.value = local(filter[name]);
    return input;
  };
  const since = time("since");
  const until = time("until");

  const clear = button(t("audit.clear"), {
    kind: "quiet",
    onclick: () => {
      for (const name of Object.keys(filter)) filter[name] = "";
      for (const input of [type, session, since, until, user.input]) input.value = "";
      wrong.textContent = "";
      session.removeAttribute("aria-invalid");
      user.say("");
      type.focus();
      search();
    },
  });

  const take = (format, label) => {
    const act = button(label, {
      onclick: async () => {
        act.disabled = true;
        try {
          save(await download("/api/admin/audit/export", { query: { ...filter, format }, signal }));
          toast(t("audit.exported"));
        } catch (error) {
          if (!stopped(error)) toast(explain(error));
        } finally {
          act.disabled = false;
        }
      },
    });
    return act;
  };

  const labelled = (text, input, ...more) => h("div", { class: "field" }, h("label", { for: input.id }, text), input, ...more);
  return {
    content: [
      heading(t("audit"), t("audit.lead"), take("csv", t("audit.csv")), take("json", t("audit.json"))),
      folded(
        Object.values(filter).some(Boolean),
        signal,
        h(
          "form",
          { class: "filters grid", role: "search", "aria-label": t("audit.filter"), onsubmit: (event) => event.preventDefault() },
          labelled(t("audit.type"), type),
          user.box,
          labelled(t("audit.since"), since),
          labelled(t("audit.until"), until),
          labelled(t("audit.session"), session, wrong),
          clear,
        ),
      ),
      status,
      h("div", { class: "card flush" }, list.box),
    ],
    ready: search(),
  };
}

/** What is folded away on a phone, unless it is in use. */
function folded(used, signal, content) {
  const box = h("details", { class: "filter-box" }, h("summary", {}, t("audit.filter")), content);
  const wide = matchMedia("(width > 48rem)");
  box.open = used || wide.matches;
  wide.addEventListener("change", () => (box.open ||= wide.matches), { signal });
  return box;
}

/**
 * A field for a user: as one types, those whose name or address begins so are
 * offered. The trail knows ids; people know names.
 */
function userField(id, signal, chosen) {
  let found = [];
  let inquiry = new AbortController();
  signal.addEventListener("abort", () => inquiry.abort());
  const offers = h("datalist", { id: "offers" });
  const hint = h("p", { class: "hint", id: "user-hint", role: "status" });
  const say = (text) => (hint.textContent = text);
  const input = h("input", {
    type: "text",
    id: "user",
    list: "offers",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: "320",
    "aria-describedby": "user-hint",
  });
  const same = (a, b) => a.localeCompare(b, undefined, { sensitivity: "base" }) === 0;
  const look = debounced(200, async () => {
    inquiry.abort();
    inquiry = new AbortController();
    const text = input.value.trim();
    if (signal.aborted) return;
    if (!text) {
      say("");
      return chosen("");
    }
    try {
      ({ users: found } = await ask("GET", "/api/admin/users", { query: { search: text, limit: 8 }, signal: inquiry.signal }));
    } catch (error) {
      if (!stopped(error)) say(explain(error));
      return;
    }
    offers.replaceChildren(...found.map((user) => h("option", { value: user.username }, user.email)));
    const exact = found.find((user) => same(user.username, text) || same(user.email, text) || user.id === text);
    const only = exact ?? (found.length === 1 ? found[0] : undefined);
    if (only) {
      say(same(only.username, text) ? "" : only.username);
      chosen(only.id);
    } else {
      say(t(found.length ? "audit.user_which" : "audit.user_none"));
    }
  });
  input.addEventListener("input", look);
  if (id) {
    ask("GET", `/api/admin/users/${encodeURIComponent(id)}`, { signal })
      .then((user) => (input.value ||= user.username))
      .catch(() => (input.value ||= id));
  }
  return { box: h("div", { class: "field" }, h("label", { for: "user" }, t("audit.user")), input, offers, hint), input, say };
}

/** A time as the field for times writes it: that of this place. */
function local(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Hands a file to the browser. */
function save({ name, content }) {
  const address = URL.createObjectURL(content);
  const anchor = h("a", { href: address, download: name, hidden: true });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
