// The dashboard: what happens now, and what has in the last hour. It asks every ten
// seconds while somebody looks.
import { ask, explain } from "./admin-api.js";
import { plot } from "./admin-plot.js";
import { link } from "./admin-router.js";
import { atClock, failed, h, heading, number, stopped, t, waiting } from "./admin-ui.js";

const every = 10_000;
const hour = 3_600_000;

export function dashboardView({ signal }) {
  const pulse = h("p", { class: "pulse" }, t("loading"));
  const tiles = h("div", { class: "tiles" });
  const charts = h("div", { class: "charts" }, waiting(6));
  const title = heading(t("dashboard"), undefined, pulse);
  let timer;
  let shown; // what was drawn last

  async function tick() {
    clearTimeout(timer);
    if (signal.aborted) return;
    try {
      const answer = await ask("GET", "/api/admin/statistics", { signal });
      if (signal.aborted) return;
      draw(answer);
      pulse.className = "pulse live";
      pulse.replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), t("dashboard.live", { time: atClock(Date.now()) }));
    } catch (error) {
      if (stopped(error) || signal.aborted) return;
      pulse.className = "pulse late";
      pulse.replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), shown ? t("dashboard.late") : t("failed"));
      if (!shown) charts.replaceChildren(failed(explain(error), tick));
    }
    if (!document.hidden) timer = setTimeout(tick, every);
  }

  /** Nobody looks: nothing is asked. */
  function look() {
    clearTimeout(timer);
    if (!document.hidden) tick();
  }
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  });

  function draw(answer) {
    shown = answer;
    const { totals } = answer;
    const now = newest(answer);
    const points = answer.points.map((point) => ({ ...point, to: Date.parse(point.at), from: Date.parse(point.at) - answer.interval * 1000 }));
    const span = { from: now - hour, to: now };
    const inHour = points.filter(({ to }) => to > span.from);
    const minutes = byMinute(inHour, span);
    const sum = (key) => inHour.reduce((all, point) => all + (read(point, key) ?? 0), 0);
    const reused = sum("refreshes.reuse");
    const latest = inHour.at(-1);

    tiles.replaceChildren(
      tile(t("dashboard.sessions"), number(answer.sessions), t("dashboard.alive")),
      tile(t("users"), number(answer.users), answer.blockedUsers ? t("dashboard.blocked", { n: number(answer.blockedUsers) }) : t("dashboard.none_blocked"), "/admin/users"),
      tile(t("dashboard.signins"), number(sum("signIns")), t("dashboard.failed", { n: number(sum("signInFailures")) }), "/admin/audit?type=user.sign_in_failed"),
      tile(
        t("dashboard.reuse"),
        number(totals.refreshes.reuse),
        reused ? t("dashboard.reuse_now", { n: number(reused) }) : t("dashboard.reuse_none"),
        "/admin/audit?type=session.reused",
        reused ? "bad" : "",
      ),
      tile(t("dashboard.store"), millis(latest?.storeMillis.p99 ?? totals.storeMillis.p99), t("dashboard.p99")),
    );

    const open = [...charts.querySelectorAll("details")].map(({ open }) => open);
    const focused = charts.contains(document.activeElement) ? focusables(charts).indexOf(document.activeElement) : -1;
    charts.replaceChildren(
      counted("dashboard.plot.signins", minutes, span, [
        ["signIns", "series.signins", 1],
        ["signInFailures", "series.failures", 3],
        ["throttled", "series.throttled", 4],
      ]),
      counted("dashboard.plot.refreshes", minutes, span, [
        ["refreshes.rotate", "series.rotate", 1],
        ["refreshes.keep", "series.keep", 2],
        ["refreshes.replay", "series.replay", 5],
        ["refreshes.straggler", "series.straggler", 3],
        ["refreshes.ended", "series.ended", 6],
        ["refreshes.ahead", "series.ahead", 7],
        ["refreshes.reuse", "series.reuse", 4],
      ]),
      measured("dashboard.plot.sessions", inHour, span, [["activeSessions", "series.sessions", 1]]),
      measured("dashboard.plot.hashing", inHour, span, [
        ["hashing.running", "series.running", 1],
        ["hashing.waiting", "series.waiting", 3],
      ]),
      measured(
        "dashboard.plot.store",
        inHour,
        span,
        [
          ["storeMillis.p50", "series.p50", 1],
          ["storeMillis.p99", "series.p99", 3],
        ],
        { unit: "\u00a0ms", format: short },
      ),
    );
    // What was open stays open, and what had the focus keeps it.
    charts.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? false));
    if (focused >= 0) focusables(charts)[focused]?.focus({ preventScroll: true });
  }

  return { content: [title, tiles, charts, h("p", { class: "muted small" }, t("dashboard.node"))], ready: tick() };
}

const focusables = (box) => [...box.querySelectorAll("summary, a, button, [tabindex]")];

/** The end of the last hour: by the server's clock, which made the points. */
function newest({ points }) {
  const last = points.length > 0 ? Date.parse(points.at(-1).at) : Date.now();
  return last;
}

/** The number at a path such as refreshes.reuse. */
const read = (point, path) => path.split(".").reduce((value, name) => value?.[name], point);

/** Sums of whole minutes: sixty bars can be told apart. */
function byMinute(points, span) {
  const slots = Array.from({ length: 60 }, (_, i) => ({ from: span.from + i * 60_000, to: span.from + (i + 1) * 60_000, points: [] }));
  for (const point of points) slots[Math.min(59, Math.max(0, Math.ceil((point.to - span.from) / 60_000) - 1))].points.push(point);
  return slots;
}

function counted(title, minutes, span, series) {
  const points = minutes.map(({ from, to, points }) => ({
    from,
    to,
    ...Object.fromEntries(series.map(([key]) => [key, points.reduce((sum, point) => sum + (read(point, key) ?? 0), 0)])),
  }));
  const totals = series.map(([key]) => points.reduce((sum, point) => sum + point[key], 0));
  const told = series.map(([, name], i) => `${t(name)} ${number(totals[i])}`).join(", ");
  return plot({
    title: t(title),
    kind: "bars",
    points,
    span,
    series: series.map(([key, name, color]) => ({ key, name: t(name), color })),
    total: Object.fromEntries(series.map(([key], i) => [key, number(totals[i])])),
    alternative: t("plot.counted", { title: t(title), told }),
  });
}

function measured(title, points, span, series, { unit = "", format = number } = {}) {
  const flat = points.map((point) => ({ from: point.from, to: point.to, ...Object.fromEntries(series.map(([key]) => [key, read(point, key) ?? 0])) }));
  const last = flat.at(-1);
  const at = (key) => (last ? format(last[key]) + unit : "–");
  const most = (key) => format(Math.max(0, ...flat.map((point) => point[key]))) + unit;
  const told = series.map(([key, name]) => t("plot.level", { name: t(name), now: at(key), most: most(key) })).join("; ");
  return plot({
    title: t(title),
    kind: "lines",
    points: flat,
    span,
    unit,
    format,
    series: series.map(([key, name, color]) => ({ key, name: t(name), color })),
    total: Object.fromEntries(series.map(([key]) => [key, at(key)])),
    alternative: t("plot.measured", { title: t(title), told }),
  });
}

/** A number of few digits. */
const short = (n) => number(n >= 100 ? Math.round(n) : n >= 10 ? Math.round(n * 10) / 10 : Math.round(n * 100) / 100);
const millis = (n) => `${short(n)}\u00a0ms`;

function tile(name, value, more, address, kind = "") {
  const inside = [h("p", { class: "name" }, name), h("p", { class: "value" }, value), h("p", { class: "muted small" }, more || "\u00a0")];
  return address ? link(address, { class: `tile ${kind}` }, ...inside) : h("div", { class: `tile ${kind}` }, ...inside);
}
