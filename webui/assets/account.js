// The account page: who one is, the password, and where one is signed in.
import { isSignedOut } from "./client.js";
import { device, icon } from "./device.js";
import { onSubmit } from "./form.js";
import { base, client, confirm, explain, h, on, t, toSignIn, toast } from "./page.js";

const find = (selector) => document.querySelector(selector);
const list = find("#sessions");
const endOthers = find("#end-others");

/** Does something on behalf of the user, and says what went wrong. */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (isSignedOut(error)) toSignIn(error.reason);
    else toast(explain(error));
  }
}

async function showProfile() {
  const answer = await client.fetch(`${base}/api/auth/me`);
  if (!answer.ok) throw Object.assign(new Error(), { code: "unavailable" });
  const { username, email, roles, createdAt } = await answer.json();
  const facts = { username, email: email || t("profile.email_none"), roles: roles.join(", "), since: on(createdAt) };
  for (const [name, value] of Object.entries(facts)) {
    const place = find(`[data-fact="${name}"]`);
    place.textContent = value;
    place.classList.remove("pending");
  }
  find("#who").textContent = username;
  find("#password-form").elements.username.value = username;
}

async function showSessions() {
  const sessions = await client.sessions();
  sessions.sort((a, b) => b.current - a.current || (b.lastSeen + b.createdAt).localeCompare(a.lastSeen + a.createdAt));
  list.replaceChildren(...sessions.map(row));
  list.removeAttribute("aria-busy");
  endOthers.hidden = sessions.length < 2;
}

function row(session) {
  const { name, kind } = device(session.userAgent);
  const facts = [
    session.ip && t("sessions.from", { ip: session.ip }),
    t("sessions.since", { date: on(session.createdAt) }),
    t("sessions.used", { date: on(session.lastSeen) }),
  ];
  const item = h(
    "li",
    { "data-session": session.id },
    icon(kind),
    h(
      "div",
      { class: "what", title: session.userAgent },
      h("p", { class: "name" }, name, session.current && h("span", { class: "badge good" }, t("sessions.current"))),
      h("p", { class: "muted small" }, ...facts.filter(Boolean).flatMap((fact, i) => [i > 0 && " · ", h("span", {}, fact)])),
    ),
  );
  if (!session.current) {
    const label = t("sessions.end_this", { device: name, ip: session.ip });
    item.append(h("button", { class: "small danger", type: "button", "aria-label": label, onclick: () => end(session, item) }, t("sessions.end")));
  }
  return item;
}

async function end(session, item) {
  item.querySelector("button").disabled = true;
  await attempt(async () => {
    await client.endSession(session.id);
    toast(t("sessions.ended"));
  });
  await attempt(showSessions);
  find("#sessions-title").focus(); // the button that had it is gone
}

endOthers.addEventListener("click", async () => {
  const yes = await confirm({
    title: t("sessions.end_others_title"),
    text: t("sessions.end_others_text"),
    yes: t("sessions.end_others"),
    danger: true,
  });
  if (!yes) return;
  await attempt(async () => {
    await client.signOut({ scope: "others" });
    toast(t("sessions.others_ended"));
    await showSessions();
    find("#sessions-title").focus();
  });
});

const form = find("#password-form");
onSubmit(form, {
  missing: { currentPassword: "password.current_missing", newPassword: "password.new_missing" },
  busy: "password.busy",
  async act({ currentPassword, newPassword }) {
    await client.changePassword({ currentPassword, newPassword });
    form.reset();
    toast(t("password.done"));
    await attempt(showSessions);
  },
});

find("#signout").addEventListener("click", () => attempt(() => client.signOut()));

client.onChange(({ status, reason }) => {
  if (status === "signed-out") toSignIn(reason);
});

const waiting = setTimeout(() => (find("#waiting").hidden = false), 3_000);
const { status, reason } = await client.ready();
clearTimeout(waiting);
find("#waiting").hidden = true;
if (status === "signed-out") {
  toSignIn(reason);
} else {
  find("#signout").disabled = false;
  await attempt(showProfile);
  await attempt(showSessions);
  // Who comes back to this page sees what is, and learns at once if they are out.
  document.addEventListener("visibilitychange", () => document.hidden || attempt(showSessions));
}
