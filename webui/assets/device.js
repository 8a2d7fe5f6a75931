// A short, honest reading of a user agent. It is what a program says of itself,
// and most say that they are several; who wants to lie, can.
import { h, t } from "./page.js";

/** The first that matches: those that also name another come before it. */
const browsers = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Headless)?Chrom(?:e|ium)\/|\bCriOS\//, "Chrome"],
  [/\bVersion\/[\d.]+ .*\bSafari\//, "Safari"],
];
const systems = [
  [/\biPhone\b/, "iPhone", "phone"],
  [/\biPad\b/, "iPad", "tablet"],
  [/\bAndroid\b.*\bMobile\b/, "Android", "phone"],
  [/\bAndroid\b/, "Android", "tablet"],
  [/\bWindows\b/, "Windows", "computer"],
  [/\bCrOS\b/, "ChromeOS", "computer"],
  [/\bMac OS X\b/, "macOS", "computer"],
  [/\bLinux\b/, "Linux", "computer"],
];

/** What a user agent says: { name, kind }, kind being phone, tablet, computer or program. */
export function device(userAgent) {
  const browser = browsers.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [, system, kind] = systems.find(([pattern]) => pattern.test(userAgent)) ?? [];
  if (browser && system) return { name: t("device.on", { browser, system }), kind };
  if (browser || system) return { name: browser ?? system, kind: kind ?? "computer" };
  const program = /^[\w.-]{1,40}/.exec(userAgent)?.[0]; // "curl/8.5.0" is curl
  return { name: program ? t("device.program", { name: program }) : t("device.unknown"), kind: "program" };
}

const outlines = {
  computer: "M4 5.5h16v10H4zM2 18.5h20",
  phone: "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2",
  tablet: "M6 3h12a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2",
  program: "M5 4.5h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM8 9.5l2.5 2.5L8 14.5M12.5 14.5H16",
};

/** A picture of a kind of device. */
export function icon(kind) {
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const picture = make("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round" });
  picture.append(make("path", { d: outlines[kind] }));
  return h("span", { class: "icon", "aria-hidden": "true" }, picture);
}
