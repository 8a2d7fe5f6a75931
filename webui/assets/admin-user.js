// One user: who it is, where they are signed in, what happened to them, and what
// an administrator can do about it.
import { ask, explain } from "./admin-api.js";
import { boxes, field, openForm, openNote } from "./admin-dialog.js";
import { eventRow } from "./admin-events.js";
import { link, note } from "./admin-router.js";
import { ago, atDay, atMoment, avatar, badge, button, card, count, deviceName, empty, failed, h, pages, roleBadge, stopped, t, waiting, when } from "./admin-ui.js";
import { checked, knownRoles } from "./admin-users.js";
import { device, icon } from "./device.js";
import { client, toast } from "./page.js";

export function userView({ groups: [id], signal, title, kept }) {
  const path = `/api/admin/users/${encodeURIComponent(id)}`;
  const head = h("div", { class: "head-box" });
  const profile = h("div", {});
  const living = h("input", { type: "checkbox", id: "ended", role: "switch" });
  living.checked = kept.ended ?? false;

  const sessions = pages({
    label: t("sessions"),
    explain,
    row: (session) => sessionRow(session, () => refresh()),
    none: () => empty(living.checked ? t("sessions.none") : t("sessions.none_alive")),
    load: async (before) => {
      const query = { before, limit: 20, alive: living.checked ? undefined : "true" };
      const answer = await ask("GET", `${path}/sessions`, { query, signal });
      return { items: answer.sessions, next: answer.next };
    },
  });
  living.addEventListener("change", () => {
    note({ ended: living.checked });
    sessions.start();
  });
  const events = pages({
    label: t("timeline"),
    explain,
    row: (event) => eventRow(event, id),
    none: () => empty(t("timeline.none")),
    load: async (before) => {
      const answer = await ask("GET", "/api/admin/audit", { query: { user: id, before, limit: 25 }, signal });
      return { items: answer.events, next: answer.next };
    },
  });
  const ended = h("div", { class: "switch" }, living, h("label", { for: "ended" }, t("sessions.show_ended")));
  const rest = h("div", { class: "columns", hidden: true }, h("div", {}, profile, card(t("sessions"), ended, sessions.box)), card(t("timeline"), events.box));

  async function load() {
    head.replaceChildren(h("h1", { class: "unseen", tabindex: "-1" }, t("loading")), waiting(2));
    try {
      await refresh();
    } catch (error) {
      if (stopped(error)) return;
      rest.hidden = true;
      const gone = error.code === "user_not_found";
      head.replaceChildren(
        h("h1", { class: "unseen", tabindex: "-1" }, t("user")),
        gone ? empty(t("user.gone"), t("user.gone_text")) : failed(explain(error), load),
      );
    }
  }

  /** Reads the user again, and all that is told of them. */
  async function refresh() {
    const user = await ask("GET", path, { signal });
    showUser(user);
    rest.hidden = false;
    await Promise.all([sessions.start(), events.start()]);
  }

  function showUser(user) {
    title(user.username);
    const focused = head.contains(document.activeElement) && document.activeElement.tagName === "H1";
    head.replaceChildren(userHead(user, changed));
    if (focused) head.querySelector("h1").focus({ preventScroll: true });
    profile.replaceChildren(userProfile(user));
  }

  /** What an act has changed is shown, and what it caused. */
  function changed(user) {
    if (user) showUser(user);
    // What asked for it is gone, with the button.
    if (document.activeElement === document.body) head.querySelector("h1").focus({ preventScroll: true });
    sessions.start();
    events.start();
  }

  return { content: [h("p", { class: "back" }, link("/admin/users", {}, t("user.back"))), head, rest], ready: load() };
}

function userHead(user, changed) {
  const own = user.id === client.user?.id;
  const act = (key, act, kind = "") =>
    button(t(key), {
      kind,
      onclick: async () => {
        try {
          const answer = await act(user);
          if (answer) changed(answer.user);
        } catch (error) {
          if (!stopped(error)) toast(explain(error));
        }
      },
    });
  return h(
    "div",
    {},
    h(
      "div",
      { class: "title user-title" },
      avatar(user.username, true),
      h(
        "div",
        { class: "who-is" },
        h("h1", { tabindex: "-1" }, user.username),
        h("p", { class: "lead" }, user.email || t("no_email")),
        h("p", { class: "badges" }, user.blocked ? badge(t("blocked"), "bad") : badge(t("active"), "good"), ...user.roles.map(roleBadge), own && badge(t("you"))),
      ),
      h(
        "div",
        { class: "acts" },
        act("act.roles", changeRoles),
        !user.blocked && act("act.reset", resetLink),
        act("act.password", setPassword),
        act("act.end", endSessions),
        !own && (user.blocked ? act("act.unblock", unblock) : act("act.block", block, "danger")),
      ),
    ),
    user.block &&
      h(
        "div",
        { class: "alert danger" },
        h("b", {}, t("block.since", { time: ago(user.block.at) })),
        " ",
        user.block.reason ? t("block.reason", { reason: user.block.reason }) : t("block.no_reason"),
      ),
  );
}

function userProfile(user) {
  const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
  return card(
    t("profile.title"),
    h(
      "dl",
      { class: "facts" },
      fact(t("profile.username"), user.username),
      fact(t("profile.email"), user.email || t("no_email")),
      fact(t("profile.roles"), user.roles.join(", ") || t("no_roles")),
      fact(t("profile.since"), h("time", { datetime: user.createdAt, title: atMoment(user.createdAt) }, atDay(user.createdAt))),
      fact(t("user.id"), h("span", { class: "id" }, h("span", { class: "code" }, user.id), button(t("copy"), { kind: "quiet small", label: t("user.copy_id"), onclick: () => copy(user.id) }))),
    ),
  );
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    toast(t("copy_failed"));
  }
}

function sessionRow(session, changed) {
  const { name, kind } = device(session.lastSeen.userAgent);
  const { ended } = session;
  const facts = [
    session.lastSeen.ip && t("sessions.from", { ip: session.lastSeen.ip }),
    t("sessions.began", { time: ago(session.createdAt) }),
    t("sessions.last_used", { time: ago(session.lastUsedAt) }),
  ];
  const reason = ended && (t(`end.${ended.reason}`) ?? ended.reason);
  const here = session.id === client.state.sessionId;
  const row = h(
    "li",
    { class: `session${ended ? " out" : ""}`, "data-session": session.id },
    icon(kind),
    h(
      "div",
      { class: "what", title: session.lastSeen.userAgent },
      h("p", { class: "name" }, name, ended ? badge(reason, ended.reason === "reuse_detected" ? "bad" : "") : here && badge(t("sessions.this"), "good")),
      h("p", { class: "muted small" }, facts.filter(Boolean).join(" · ")),
      ended?.at && h("p", { class: "muted small" }, t("sessions.ended_at", { time: atMoment(ended.at) })),
      h("p", { class: "muted small code" }, link(`/admin/audit?session=${session.id}`, {}, t("sessions.story"))),
    ),
  );
  if (!ended) {
    const end = button(t("sessions.end"), {
      kind: "small danger",
      label: t("sessions.end_this", { device: name, ip: session.lastSeen.ip }),
      onclick: async () => {
        end.disabled = true;
        try {
          await ask("DELETE", `/api/admin/sessions/${session.id}`);
          toast(t("sessions.ended"));
          await changed();
        } catch (error) {
          end.disabled = false;
          if (!stopped(error)) toast(explain(error));
        }
      },
    });
    row.append(end);
  }
  return row;
}

const of = (user, act) => `/api/admin/users/${user.id}/${act}`;

async function changeRoles(user) {
  const roles = await knownRoles();
  const changed = await openForm({
    title: t("roles.title", { name: user.username }),
    text: t("roles.text"),
    content: [boxes(t("profile.roles"), "roles", roles, user.roles, (role) => role === "admin" && t("roles.admin_note"))],
    yes: t("roles.submit"),
    act: (_, form) => ask("PUT", of(user, "roles"), { body: { roles: checked(form, "roles") } }),
  });
  if (changed) toast(t("roles.done", { name: user.username }));
  return changed && { user: changed };
}

async function block(user) {
  const changed = await openForm({
    title: t("block.title", { name: user.username }),
    text: t("block.text"),
    content: [field({ name: "reason", label: t("block.reason_label"), kind: "textarea", rows: "3", maxlength: "200", hint: t("block.reason_hint") })],
    yes: t("act.block_now"),
    danger: true,
    act: ({ reason }) => ask("POST", of(user, "block"), { body: { reason } }),
  });
  if (changed) toast(t("block.done", { name: user.username }));
  return changed && { user: changed };
}

async function unblock(user) {
  const changed = await openForm({
    title: t("unblock.title", { name: user.username }),
    text: t("unblock.text"),
    yes: t("act.unblock"),
    act: () => ask("POST", of(user, "unblock")),
  });
  if (changed) toast(t("unblock.done", { name: user.username }));
  return changed && { user: changed };
}

async function resetLink(user) {
  const made = await openForm({
    title: t("reset_link.title", { name: user.username }),
    text: t("reset_link.text"),
    yes: t("reset_link.submit"),
    act: () => ask("POST", of(user, "reset")),
  });
  if (!made) return undefined;
  const shown = h("input", { type: "text", readonly: true, id: "made-link", class: "code", value: made.link, onfocus: () => shown.select(), autocomplete: "off" });
  await openNote({
    title: t("reset_link.made", { name: user.username }),
    content: [
      h("p", {}, t("reset_link.made_text", { time: atMoment(made.expiresAt) })),
      h("div", { class: "field made" }, h("label", { for: "made-link" }, t("reset_link.label")), h("div", { class: "beside" }, shown, button(t("copy"), { onclick: () => copyShown(shown) }))),
      h("p", { class: "hint", role: "status", id: "copied" }),
    ],
  });
  shown.value = "";
  return {};
}

/** Copies what is in a field. A toast would be behind the dialog. */
async function copyShown(input) {
  input.select();
  let text = t("copied");
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    text = t("copy_failed");
  }
  document.querySelector("#copied").textContent = text;
}

async function setPassword(user) {
  const changed = await openForm({
    title: t("set_password.title", { name: user.username }),
    text: t("set_password.text"),
    content: [field({ name: "password", label: t("password.new"), kind: "password", autocomplete: "new-password", hint: t("signup.password_hint") })],
    missing: { password: "password.new_missing" },
    yes: t("set_password.submit"),
    act: ({ password }) => ask("PUT", of(user, "password"), { body: { password } }),
  });
  if (changed) toast(t("set_password.done", { name: user.username }));
  return changed && { user: changed };
}

async function endSessions(user) {
  const own = user.id === client.user?.id;
  const answer = await openForm({
    title: t("end_all.title", { name: user.username }),
    text: own ? t("end_all.text_own") : t("end_all.text"),
    yes: t("end_all.submit"),
    danger: true,
    act: () => ask("DELETE", of(user, "sessions")),
  });
  if (!answer) return undefined;
  toast(count("end_all.done", answer.ended));
  return {};
}
