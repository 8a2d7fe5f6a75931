// The users: search as you type, page by page, and a new one.
import { ask, explain } from "./admin-api.js";
import { boxes, field, openForm } from "./admin-dialog.js";
import { go, link, note, setQuery } from "./admin-router.js";
import { atDay, avatar, badge, button, debounced, empty, h, heading, pages, roleBadge, t } from "./admin-ui.js";
import { toast } from "./page.js";

const size = 50;

export function usersView({ query, kept, signal }) {
  const filter = { search: query.get("search") ?? "", role: query.get("role") ?? "", blocked: query.get("blocked") ?? "" };
  // Who comes back to the list finds as many as were there.
  let first = Math.min(Math.max(kept.shown ?? size, size), 500);

  const list = pages({
    label: t("users"),
    explain,
    row,
    none: () => (filtered() ? empty(t("users.nobody"), t("users.nobody_text")) : empty(t("users.none"))),
    grew: (shown) => {
      note({ shown });
      status.textContent = t("users.shown", { n: shown });
    },
    load: async (before) => {
      const limit = before ? size : first;
      const { users, next } = await ask("GET", "/api/admin/users", { query: { ...filter, before, limit }, signal: inquiry.signal });
      first = size;
      return { items: users, next };
    },
  });
  const status = h("p", { class: "unseen", role: "status" });
  const filtered = () => Object.values(filter).some(Boolean);

  // One search at a time: an answer to what was typed before must not come after.
  let inquiry = new AbortController();
  signal.addEventListener("abort", () => inquiry.abort());
  const search = () => {
    inquiry.abort();
    inquiry = new AbortController();
    setQuery(filter);
    return list.start();
  };
  const typed = debounced(200, () => signal.aborted || search());

  const input = h("input", {
    type: "search",
    id: "search",
    name: "search",
    placeholder: t("users.search"),
    "aria-label": t("users.search"),
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: "320",
    oninput: () => {
      filter.search = input.value.trim();
      typed();
    },
  });
  input.value = filter.search;

  const choice = (name, label, options) => {
    const element = h(
      "select",
      {
        "aria-label": label,
        name,
        onchange: () => {
          filter[name] = element.value;
          search();
        },
      },
      ...options.map(([value, text]) => h("option", { value }, text)),
    );
    element.value = filter[name];
    return element;
  };
  const roles = choice("role", t("users.role"), [["", t("users.any_role")], ...(filter.role ? [[filter.role, filter.role]] : [])]);
  const standing = choice("blocked", t("users.standing"), [
    ["", t("users.any_standing")],
    ["false", t("users.active")],
    ["true", t("users.blocked")],
  ]);
  knownRoles(signal)
    .then((known) => {
      const chosen = filter.role;
      roles.replaceChildren(h("option", { value: "" }, t("users.any_role")), ...known.map((role) => h("option", { value: role }, role)));
      roles.value = chosen;
    })
    .catch(() => {}); // the list says what is wrong

  return {
    content: [
      heading(t("users"), t("users.lead"), button(t("users.new"), { kind: "primary", onclick: () => create() })),
      h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, input, roles, standing),
      status,
      h("div", { class: "card flush" }, list.box),
    ],
    ready: search(),
  };
}

function row(user) {
  return h(
    "li",
    { class: `user${user.blocked ? " out" : ""}` },
    avatar(user.username),
    h(
      "div",
      { class: "what" },
      h("p", { class: "name" }, link(`/admin/users/${user.id}`, { class: "cover" }, user.username)),
      h("p", { class: "muted small clip" }, user.email || t("no_email")),
    ),
    h("p", { class: "roles" }, ...user.roles.map(roleBadge), user.roles.length === 0 && h("span", { class: "muted small" }, t("no_roles"))),
    h("p", { class: "standing" }, user.blocked ? badge(t("blocked"), "bad") : badge(t("active"), "good")),
    h("p", { class: "muted small since" }, atDay(user.createdAt)),
  );
}

/** The roles that a user may have. */
export async function knownRoles(signal) {
  return (await ask("GET", "/api/admin/roles", { signal })).roles;
}

async function create() {
  let roles;
  try {
    roles = await knownRoles();
  } catch (error) {
    return toast(explain(error));
  }
  const user = await openForm({
    title: t("create.title"),
    content: [
      field({ name: "username", label: t("signup.username") }),
      field({ name: "email", label: t("create.email"), kind: "email" }),
      field({ name: "password", label: t("signup.password"), kind: "password", autocomplete: "new-password", hint: t("create.password_hint") }),
      boxes(t("profile.roles"), "roles", roles, ["user"], (role) => role === "admin" && t("roles.admin_note")),
    ],
    missing: { username: "signup.username_missing", password: "signup.password_missing" },
    yes: t("create.submit"),
    act: ({ username, email, password }, form) =>
      ask("POST", "/api/admin/users", { body: { username, email, password, roles: checked(form, "roles") } }),
  });
  if (!user) return;
  toast(t("create.done", { name: user.username }));
  go(`/admin/users/${user.id}`);
}

/** What is checked of boxes of one name. */
export const checked = (form, name) => [...form.querySelectorAll(`[name="${name}"]:checked`)].map((box) => box.value);
