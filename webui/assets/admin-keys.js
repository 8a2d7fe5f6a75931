// The keys that sign access tokens: how old, when the next, and what to do if one
// was lost.
import { ask, explain } from "./admin-api.js";
import { openForm } from "./admin-dialog.js";
import { ago, atClock, atDay, atMoment, badge, button, card, failed, h, heading, stopped, t, waiting } from "./admin-ui.js";
import { toast } from "./page.js";

const kinds = { current: "good", next: "note", revoked: "bad" };

export function keysView({ signal }) {
  const box = h("div", {}, waiting());

  async function load() {
    try {
      show(await ask("GET", "/api/admin/keys", { signal }));
    } catch (error) {
      if (!stopped(error)) box.replaceChildren(failed(explain(error), load));
    }
  }

  function show({ keys, rotatesAt }) {
    const current = keys.find(({ state }) => state === "current");
    const next = keys.find(({ state }) => state === "next");
    box.replaceChildren(
      h(
        "div",
        { class: "tiles" },
        tile(t("keys.current"), current?.activeAt ? ago(current.activeAt) : t("keys.shared"), current?.activeAt && t("keys.signs_since", { date: atDay(current.activeAt) })),
        tile(t("keys.rotation"), rotatesAt ? ago(rotatesAt) : t("keys.by_hand"), rotatesAt && (next ? t("keys.published", { time: atClock(rotatesAt) }) : t("keys.by_itself", { date: atDay(rotatesAt) }))),
        tile(t("keys.algorithm"), current?.algorithm ?? "–", t("keys.tells", { n: keys.filter(({ state }) => ["next", "current", "old"].includes(state)).length })),
      ),
      card(t("keys.all"), table(keys)),
      rotatesAt
        ? h(
            "section",
            { class: "card hazard", "aria-labelledby": "lost" },
            h("div", { class: "head" }, h("div", {}, h("h2", { id: "lost" }, t("keys.lost")), h("p", { class: "lead" }, t("keys.lost_text"))), button(t("keys.lost_act"), { kind: "danger", onclick: () => rotate(true) })),
          )
        : h("div", { class: "alert" }, t("keys.shared_text")),
    );
    soon.hidden = !rotatesAt;
  }

  async function rotate(now) {
    const name = now ? "rotate_now" : "rotate";
    const answer = await openForm({
      title: t(`${name}.title`),
      text: t(`${name}.text`),
      yes: t(`${name}.submit`),
      danger: now,
      act: () => ask("POST", "/api/admin/keys/rotate", { body: { now } }),
    });
    if (!answer) return;
    toast(t(`${name}.done`));
    show(answer);
  }

  const soon = button(t("rotate.open"), { hidden: true, onclick: () => rotate(false) });
  return { content: [heading(t("keys"), t("keys.lead"), soon), box], ready: load() };
}

const tile = (name, value, more) => h("div", { class: "tile words" }, h("p", { class: "name" }, name), h("p", { class: "value" }, value), h("p", { class: "muted small" }, more || "\u00a0"));

function table(keys) {
  const columns = ["number", "id", "algorithm", "state", "made", "signs", "leaves"];
  const time = (at) => (at ? h("time", { datetime: at, title: atMoment(at) }, ago(at)) : "–");
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("plot.table_of", { title: t("keys.all") }) },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, t(`key.${name}`))))),
      h(
        "tbody",
        {},
        ...keys.map((key) =>
          h(
            "tr",
            {},
            h("td", {}, key.number ?? "–"),
            h("td", { class: "code", title: key.id }, key.id ? `${key.id.slice(0, 12)}…` : "–"),
            h("td", {}, key.algorithm),
            h("td", {}, badge(t(`key.state.${key.state}`) ?? key.state, kinds[key.state])),
            h("td", {}, time(key.createdAt)),
            h("td", {}, time(key.activeAt)),
            h("td", {}, time(key.endsAt)),
          ),
        ),
      ),
    ),
  );
}
