// Events of the audit trail, in words.
import { link } from "./admin-router.js";
import { atMoment, deviceName, h, t, when } from "./admin-ui.js";

/** Every type that is known, in the order in which the filter offers them. */
export const types = [
  "user.signed_up",
  "user.created",
  "user.sign_in_failed",
  "user.throttled",
  "user.blocked",
  "user.unblocked",
  "user.roles_changed",
  "user.password_changed",
  "user.reset_offered",
  "user.reset_failed",
  "session.begun",
  "session.ended",
  "session.reused",
  "session.replayed",
  "session.straggled",
  "session.healed",
  "session.ahead",
  "key.rotated",
  "store.restored",
  "audit.exported",
];

const alarming = { "session.reused": "bad", "session.ahead": "bad", "user.blocked": "bad" };
const notable = ["user.sign_in_failed", "user.throttled", "user.reset_failed", "user.reset_offered", "user.roles_changed", "store.restored"];
const good = ["session.begun", "user.signed_up", "user.created", "user.unblocked"];

function severity({ type, detail = {} }) {
  if (type === "session.ended") return detail.reason === "reuse_detected" ? "bad" : "";
  if (type === "key.rotated") return detail.reason === "emergency" ? "bad" : "";
  return alarming[type] ?? (notable.includes(type) ? "warn" : good.includes(type) ? "good" : "");
}

/** A text with elements in its places. */
export function sentence(text, parts) {
  return text.split(/(\{\w+\})/).flatMap((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    return name && name in parts ? [parts[name]] : piece ? [piece] : [];
  });
}

/** Somebody, by an id and the name that belongs to it, if it is known. */
function person(id, name, here) {
  if (!id) return h("b", {}, t("somebody"));
  if (id === "cli" || id === "system") return h("b", {}, t(`by.${id}`));
  if (id === here) return h("b", {}, name || id);
  return link(`/admin/users/${id}`, { class: "person" }, name || id.slice(0, 8));
}

function details({ type, detail = {}, ...event }) {
  const known = (prefix, key) => t(`${prefix}.${key}`) ?? key;
  switch (type) {
    case "user.sign_in_failed":
    case "user.reset_failed":
      return known("failure", detail.reason);
    case "user.blocked":
      return detail.reason && t("quoted", { text: detail.reason });
    case "user.roles_changed":
      return t("from_to", { from: listed(detail.from), to: listed(detail.to) });
    case "user.created":
      return detail.roles && t("event.roles", { roles: listed(detail.roles) });
    case "user.reset_offered":
      return detail.expires_at && t("event.until", { time: atMoment(detail.expires_at) });
    case "session.ended":
      return known("end", detail.reason);
    case "key.rotated":
      return t("event.key", { number: detail.number ?? "?", reason: known("rotation", detail.reason) });
    case "audit.exported":
      return detail.format?.toUpperCase();
    case "session.begun":
      return event.userAgent && deviceName(event.userAgent);
  }
  return undefined;
}

/** An event as an item of a list; on the page of a user (`here`), who needs no link to it. */
export function eventRow(event, here) {
  const parts = { user: person(event.user, event.username, here), actor: person(event.actor, event.actorName, here) };
  const own = event.actor && event.actor === event.user;
  const text = (own && t(`event.${event.type}.own`)) || t(`event.${event.type}`) || event.type;
  const more = details(event);
  const place = [event.ip, event.type !== "session.begun" && event.userAgent && deviceName(event.userAgent)].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: `event ${severity(event)}`, "data-type": event.type },
    h("span", { class: "dot", "aria-hidden": "true" }),
    h(
      "div",
      { class: "what" },
      h("p", {}, ...sentence(text, parts), more && h("span", { class: "more" }, ` — ${more}`)),
      h("p", { class: "muted small" }, when(event.at), place && ` · ${place}`),
      raw(event),
    ),
  );
}

/** Roles, which events separate by spaces. */
const listed = (roles) => roles?.split(" ").join(", ") || t("none");

/** Everything that is known of an event, as the API tells it. */
function raw(event) {
  const facts = [
    ["at", atMoment(event.at)],
    ["type", event.type],
    ["user", event.user],
    ["session", event.session],
    ["actor", event.actor],
    ["ip", event.ip],
    ["userAgent", event.userAgent],
    ...Object.entries(event.detail ?? {}).map(([name, value]) => [`detail.${name}`, value]),
    ["id", event.id],
  ];
  return h(
    "details",
    {},
    h("summary", {}, t("event.details"), h("span", { class: "unseen" }, ` ${event.type} ${atMoment(event.at)}`)),
    h("dl", { class: "raw" }, ...facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "code" }, value)))),
  );
}
