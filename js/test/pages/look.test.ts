/**
 * How the pages look: each in every state, light and dark, on a phone and on a
 * desk. axe looks for what people with disabilities would stumble over; the
 * screenshots, which git ignores, are for people to judge.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { Watchword, root } from "../support/watchword.js";
import { Visitor, launch, password } from "./visitor.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = join(root, "screenshots");
mkdirSync(folder, { recursive: true });

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const names: Record<string, string> = { "phone-light": "ada", "phone-dark": "grace", "desktop-light": "ada.lovelace", "desktop-dark": "grace.hopper" };
const schemes = ["light", "dark"] as const;

/** What axe finds wrong with what is shown. */
async function examine(page: Page): Promise<string[]> {
  await page.evaluate(axe); // not by a script element, which the pages' policy forbids
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
}

describe("the pages, looked at", () => {
  let browser: Browser;
  let server: Watchword;
  let closed: Watchword;
  before(async () => {
    server = await Watchword.start({ flags: { "trusted-proxy": "127.0.0.1" }, origins: ["https://app.example"] });
    closed = await Watchword.start({ flags: { signup: "closed", "brand-name": "Acme", "brand-color": "#ffd400" } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await closed?.close();
  });

  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of schemes) {
      test(`${size}, ${colorScheme}`, async () => {
        const visitor = await Visitor.arrive(browser, server, {
          viewport,
          colorScheme,
          reducedMotion: "reduce",
          extraHTTPHeaders: { "X-Forwarded-For": "198.51.100.23" },
        });
        const { page } = visitor;
        const look = async (name: string) => {
          assert.deepEqual(await examine(page), [], name);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
          assert.equal(wide, false, `${name} is wider than the window`);
          await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
        };

        await visitor.open("/signup");
        await look("sign-up");
        await visitor.send({ email: "someone", password: "short" });
        await page.locator("#username[aria-invalid]").waitFor();
        await look("sign-up-wrong");

        await visitor.open("/signin");
        await look("sign-in");
        await visitor.send({ login: "nobody", password: "not the password" });
        await page.locator("[data-complaint]:not([hidden])").waitFor();
        await look("sign-in-wrong");
        await visitor.open("/signin?reason=reuse_detected&return_to=https://app.example/orders");
        await look("sign-in-after-theft");
        await visitor.open("/signin?reason=idle&return_to=https://elsewhere.example");
        await look("sign-in-return-refused");
        await visitor.open("/nowhere");
        await look("nothing");

        const username = names[`${size}-${colorScheme}`]!;
        await visitor.signUp(username);
        for (const [from, userAgent] of Object.entries({
          "203.0.113.7": "curl/8.5.0",
          "2001:db8::17:42":
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        })) {
          const headers = { "User-Agent": userAgent, "X-Forwarded-For": from };
          await server.call("POST", "/api/auth/signin", { username, password }, headers);
        }
        await page.reload();
        await visitor.atAccount();
        await look("account");
        await page.screenshot({ path: join(folder, `account-whole-${size}-${colorScheme}.png`), fullPage: true });
        await visitor.send({ currentPassword: "not this one", newPassword: "another horse battery" });
        await page.locator("#currentPassword[aria-invalid]").waitFor();
        await look("account-password-wrong");
        await page.getByRole("button", { name: "End all others" }).click();
        await page.getByRole("dialog").waitFor();
        await look("account-end-others");
        await page.getByRole("dialog").getByRole("button", { name: "End all others" }).click();
        await page.locator(".toast").waitFor();
        await look("account-ended-others");
        await visitor.open("/signin");
        await page.getByRole("button", { name: /^Continue as/ }).waitFor();
        await look("sign-in-already");
        assert.deepEqual(visitor.complaints, []);
        await visitor.leave();

        const other = await Visitor.arrive(browser, closed, { viewport, colorScheme, javaScriptEnabled: true });
        await other.open("/signup");
        assert.deepEqual(await examine(other.page), [], "sign-up-closed");
        await other.page.screenshot({ path: join(folder, `sign-up-closed-${size}-${colorScheme}.png`) });
        await other.open("/signin");
        assert.deepEqual(await examine(other.page), [], "branded");
        await other.page.screenshot({ path: join(folder, `branded-${size}-${colorScheme}.png`) });
        await other.leave();

        const plain = await Visitor.arrive(browser, server, { viewport, colorScheme, javaScriptEnabled: false });
        await plain.open("/account");
        await plain.page.screenshot({ path: join(folder, `account-no-script-${size}-${colorScheme}.png`) });
        await plain.leave();
      });
    }
  }

  test("who looks would see it", async () => {
    const visitor = await Visitor.arrive(browser, server);
    await visitor.open("/signin");
    await visitor.page.evaluate(() => {
      document.querySelector("label")!.remove();
      document.querySelector<HTMLElement>(".lead")!.style.color = "#aaa";
    });
    const found = await examine(visitor.page);
    assert.deepEqual(found.map((text) => text.split(":")[0]), ["color-contrast", "label-title-only", "label"]);
    await visitor.leave();
  });

  test("nothing moves while a page loads", async () => {
    const visitor = await Visitor.arrive(browser, server, { viewport: sizes.phone });
    await visitor.page.addInitScript(() => {
      const seen = window as unknown as { shifted: number };
      seen.shifted = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]) {
          if (!entry.hadRecentInput) seen.shifted += entry.value;
        }
      }).observe({ type: "layout-shift", buffered: true });
    });
    await visitor.signUp("still");
    for (const path of ["/account", "/signup", "/signin?reason=idle"]) {
      let shifted: number;
      let took: number;
      let tries = 3;
      do {
        const began = Date.now();
        await visitor.open(path);
        if (path === "/account") await visitor.atAccount();
        took = Date.now() - began;
        await visitor.page.waitForLoadState("networkidle");
        shifted = await visitor.page.evaluate(() => (window as unknown as { shifted: number }).shifted);
      } while (took >= 3_000 && --tries > 0); // then the page says that it waits, and moves
      assert.ok(shifted < 0.01, `${path}: ${shifted}`);
    }
    await visitor.leave();
  });

  test("whose eyes are tired of motion sees none", async () => {
    const visitor = await Visitor.arrive(browser, server, { reducedMotion: "reduce" });
    await visitor.signUp("calm");
    const moving = await visitor.page.evaluate(() => {
      const still = (text: string) => text.split(", ").every((time) => Number.parseFloat(time) <= 0.001);
      return [...document.querySelectorAll("*")].filter((element) => {
        const { animationDuration, transitionDuration } = getComputedStyle(element);
        return !still(animationDuration) || !still(transitionDuration);
      }).length;
    });
    assert.equal(moving, 0);
    await visitor.leave();
  });
});
