// Small plots of the last hour, as SVG. Each has a text that tells the same, a
// legend with values, which follow the pointer, and a table for who reads numbers.
import { atClock, h, number, t } from "./admin-ui.js";

const width = 600;
const height = 150;
const top = 8;
const bottom = height - 20;
const left = 0;
const right = width;

/** An element of SVG. */
function s(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The least of 1, 2, 5, 10, 20 … that is no less. */
export function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value * 0.9999) * power;
}

/**
 * A plot of values over time.
 *
 * `series` are [{ key, name }], the first at the bottom; `points` are [{ from, to, <key>: number }].
 * `kind` is "bars", which are stacked, or "lines". `total` are the numbers of the legend
 * while nobody points; `alternative` is the text that stands for the picture.
 */
export function plot({ title, kind, series, points, span, unit = "", format = number, total, alternative, note }) {
  const stacked = kind === "bars";
  const value = (point, key) => point[key] ?? 0;
  const highest = Math.max(
    0,
    ...points.map((point) => (stacked ? series.reduce((sum, { key }) => sum + value(point, key), 0) : Math.max(...series.map(({ key }) => value(point, key))))),
  );
  const most = ceiling(highest);
  const x = (time) => left + ((time - span.from) / (span.to - span.from)) * (right - left);
  const y = (n) => bottom - (n / most) * (bottom - top);

  const picture = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alternative, class: `plot ${kind}`, preserveAspectRatio: "none" });
  const grid = s("g", { class: "grid" });
  const levels = h("div", { class: "axis", "aria-hidden": "true" });
  const times = h("div", { class: "axis times", "aria-hidden": "true" });
  const halves = unit !== "" || Number.isInteger(most / 2); // half a sign-in is none
  for (const part of halves ? [0, 0.5, 1] : [0, 1]) {
    grid.append(s("line", { x1: left, x2: right, y1: y(most * part), y2: y(most * part) }));
    const label = h("span", { class: "y" }, part === 0 ? "0" : format(most * part) + unit);
    label.style.top = `${(y(most * part) / height) * 100}%`;
    levels.append(label);
  }
  for (let minutes = 60; minutes >= 0; minutes -= 30) {
    const at = span.to - minutes * 60_000;
    const label = h("span", { class: "x" }, minutes === 0 ? t("plot.now") : atClock(at));
    label.style.left = `${(x(at) / width) * 100}%`;
    times.append(label);
  }
  picture.append(grid);
  if (stacked) picture.append(bars());
  else picture.append(...lines());
  const hair = s("line", { class: "hair", y1: top, y2: bottom, visibility: "hidden" });
  picture.append(hair);

  function bars() {
    const group = s("g");
    const drawn = Object.fromEntries(series.map(({ key }) => [key, ""]));
    for (const point of points) {
      const wide = Math.max(x(point.to) - x(point.from) - 1.5, 1);
      let base = bottom;
      for (const { key } of series) {
        const n = value(point, key);
        if (n <= 0) continue;
        const high = Math.max((n / most) * (bottom - top), 1.5); // one of many is seen, too
        drawn[key] += `M${x(point.from).toFixed(1)} ${(base - high).toFixed(1)}h${wide.toFixed(1)}v${high.toFixed(1)}h${(-wide).toFixed(1)}z`;
        base -= high;
      }
    }
    for (const { key, color } of series) if (drawn[key]) group.append(s("path", { d: drawn[key], class: `fill c${color}` }));
    return group;
  }

  function lines() {
    return series.flatMap(({ key, color }, index) => {
      if (points.length === 0) return [];
      const at = points.map((point) => `${x(point.to).toFixed(1)} ${y(value(point, key)).toFixed(1)}`);
      const line = s("path", { d: `M${at.join("L")}`, class: `stroke c${color}`, "vector-effect": "non-scaling-stroke" });
      if (index > 0) return [line];
      const area = s("path", { d: `M${x(points[0].to).toFixed(1)} ${bottom}L${at.join("L")}V${bottom}z`, class: `area c${color}` });
      return [area, line];
    });
  }

  const values = series.map(({ key }) => h("b", {}, total[key] ?? ""));
  const legend = h(
    "ul",
    { class: "legend" },
    ...series.map(({ name, color }, index) => h("li", {}, h("span", { class: `swatch c${color}`, "aria-hidden": "true" }), h("span", {}, name), " ", values[index])),
  );
  const time = h("p", { class: "small muted at", "aria-hidden": "true" }, t("plot.hour"));

  const canvas = h("div", { class: "canvas" }, picture, levels, times);
  canvas.addEventListener("pointermove", (event) => {
    if (points.length === 0) return;
    const box = picture.getBoundingClientRect();
    const at = span.from + ((((event.clientX - box.left) / box.width) * width - left) / (right - left)) * (span.to - span.from);
    const point = points.reduce((best, one) => (Math.abs((one.from + one.to) / 2 - at) < Math.abs((best.from + best.to) / 2 - at) ? one : best));
    const middle = stacked ? (x(point.from) + x(point.to)) / 2 : x(point.to);
    hair.setAttribute("x1", middle);
    hair.setAttribute("x2", middle);
    hair.setAttribute("visibility", "visible");
    time.textContent = atClock(point.to);
    series.forEach(({ key }, index) => (values[index].textContent = format(value(point, key)) + unit));
  });
  canvas.addEventListener("pointerleave", () => {
    hair.setAttribute("visibility", "hidden");
    time.textContent = t("plot.hour");
    series.forEach(({ key }, index) => (values[index].textContent = total[key] ?? ""));
  });

  const id = `plot-${title.replace(/\W+/g, "-").toLowerCase()}`;
  return h(
    "section",
    { class: "card chart", "aria-labelledby": id },
    h("div", { class: "chart-head" }, h("h2", { id }, title), time),
    legend,
    canvas,
    note && h("p", { class: "muted small" }, note),
    table(title, series, points, format, unit, stacked),
  );
}

/** The same in numbers: a line for five minutes. */
function table(title, series, points, format, unit, stacked) {
  const size = points.length > 0 ? Math.max(1, Math.round(300_000 / (points[0].to - points[0].from))) : 1;
  const rows = [];
  for (let i = 0; i < points.length; i += size) {
    const part = points.slice(i, i + size);
    const numbers = series.map(({ key }) => {
      const all = part.map((point) => point[key] ?? 0);
      return stacked ? all.reduce((sum, n) => sum + n, 0) : Math.max(...all);
    });
    rows.push(h("tr", {}, h("th", { scope: "row" }, `${atClock(part[0].from)} – ${atClock(part.at(-1).to)}`), ...numbers.map((n) => h("td", { class: "number" }, format(n) + unit))));
  }
  return h(
    "details",
    { class: "numbers" },
    h("summary", {}, t("plot.table"), h("span", { class: "unseen" }, `: ${title}`)),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": t("plot.table_of", { title }) },
      h(
        "table",
        {},
        h("caption", { class: "unseen" }, t(stacked ? "plot.sums" : "plot.peaks", { title })),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("plot.time")), ...series.map(({ name }) => h("th", { scope: "col", class: "number" }, name)))),
        h("tbody", {}, ...rows),
      ),
    ),
  );
}
