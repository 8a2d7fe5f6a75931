/**
 * How the console looks: every view and every dialog, light and dark, on a phone
 * and on a desk. axe looks for what people with disabilities would stumble over;
 * the screenshots, which git ignores, are for people to judge.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { launch, password } from "../pages/visitor.js";
import { Watchword, root } from "../support/watchword.js";
import { addAdmin, anHourPasses, atDesk, dialog, dialogGone, signInElsewhere } from "./desk.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = join(root, "screenshots");
mkdirSync(folder, { recursive: true });

/** What axe finds wrong with what is shown. */
async function examine(page: Page): Promise<string[]> {
  await page.evaluate(axe); // not by a script element, which the pages' policy forbids
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
}

const agents = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
  "okhttp/4.12.0",
];
const firstNames = "Ada Bert Clara Dmitri Elena Farid Gudrun Hiroshi Inés Jamal Katarzyna Liam Mei Nadia Omar Søren Tomás Zoë".split(" ");
const lastNames = "Lovelace Hopper Nakamura Müller Kowalska Silva Haddad".split(" ");
const odd = ["o'neill", "<b>bold</b>", "محمدعلي", "naïve-café", "a".repeat(64)];

/** A server with a life behind it: 200 users, some blocked, some odd. */
async function populated(): Promise<{ server: Watchword; ada: string; blocked: string }> {
  const server = await Watchword.start();
  addAdmin(server, "grace");
  // As an import, with a hash that costs next to nothing: nobody signs in as these.
  const hash = "$2b$04$abcdefghijklmnopqrstuuK9.Hp1mKmDhFfJ3BkXnN0a1uXyJtVwW";
  const names = Array.from({ length: 195 }, (_, i) => {
    const [first, last] = [firstNames[i % firstNames.length]!, lastNames[(i * 5) % lastNames.length]!];
    return { username: `${first}.${last}${i >= 18 ? i : ""}`, email: `${i % 11 ? "" : "somebody.with.a.very.long.address.indeed."}user${i}@mail.example.org` };
  });
  names.push(...odd.map((username, i) => ({ username, email: `odd${i}@example.org` })));
  const lines = names.map((user, i) => JSON.stringify({ ...user, passwordHash: hash, roles: i % 13 ? ["user"] : ["moderator", "user"] }));
  server.commandWith(lines.join("\n") + "\n", "user", "import", "-");
  const { token } = await signInElsewhere(server, "grace");
  const authorization = { Authorization: `Bearer ${token}` };
  const { body } = await server.call("GET", "/api/admin/users?limit=1000", undefined, authorization);
  const users = body["users"] as { id: string; username: string }[];
  const listed = (username: string) => users.find((user) => user.username === username)!.id;
  for (const [i, { username }] of names.entries()) {
    if (i % 17 !== 3) continue;
    const reason = i % 2 ? "Spam from this account" : "Chargeback fraud, see ticket 4711. Do not unblock without asking security first.";
    await server.call("POST", `/api/admin/users/${listed(username)}/block`, { reason }, authorization);
  }
  const ada = listed("Ada.Lovelace");
  await server.call("PUT", `/api/admin/users/${ada}/password`, { password }, authorization);
  for (const agent of agents) await signInElsewhere(server, "ada.lovelace", password, agent);
  const out = await signInElsewhere(server, "ada.lovelace");
  await server.call("POST", "/api/auth/signout", { refreshToken: out.refreshToken });
  await signInElsewhere(server, "ada.lovelace", "not the password", agents[1]);
  await server.call("PUT", `/api/admin/users/${ada}/roles`, { roles: ["user", "moderator"] }, authorization);
  await server.call("POST", "/api/admin/keys/rotate", {}, authorization);
  return { server, ada, blocked: listed(names[3]!.username) };
}

describe("the console, looked at", () => {
  let browser: Browser;
  let made: Awaited<ReturnType<typeof populated>>;
  before(async () => {
    made = await populated();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await made?.server.close();
  });

  const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1360, height: 900 } };
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ["light", "dark"] as const) {
      test(`${size}, ${colorScheme}`, async () => {
        const { server, ada, blocked } = made;
        const visitor = await atDesk(browser, server, "grace", "/admin", { viewport, colorScheme, reducedMotion: "reduce" });
        const { page } = visitor;
        const look = async (name: string) => {
          assert.deepEqual(await examine(page), [], name);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
          assert.equal(wide, false, `${name} is wider than the window`);
          await page.screenshot({ path: join(folder, `admin-${name}-${size}-${colorScheme}.png`) });
        };
        const close = async () => {
          const open = await page.locator("dialog[open]").count();
          await page.keyboard.press("Escape");
          await page.waitForFunction((open) => document.querySelectorAll("dialog[open]").length < open, open);
        };

        await page.locator(".chart").nth(4).waitFor();
        await look("dashboard");
        for (const summary of await page.locator(".numbers summary").all()) await summary.click();
        await look("dashboard-tables");

        await visitor.open("/admin/users");
        await page.locator(".user").nth(20).waitFor();
        await look("users");
        await page.getByRole("searchbox").fill("nobody at all");
        await page.getByText("Nobody matches").waitFor();
        await look("users-none");
        await page.getByRole("button", { name: "New user" }).click();
        await dialog(page).getByRole("button", { name: "Create user" }).click();
        await dialog(page).getByText("Please choose a username.").waitFor();
        await look("user-new");
        await close();

        await visitor.open(`/admin/users/${ada}`);
        await page.locator(".session").nth(3).waitFor();
        await page.locator(".event").nth(3).waitFor();
        await look("user");
        await page.getByLabel("Show those that have ended").check();
        await page.locator(".session").nth(4).waitFor();
        await page.locator(".event summary").first().click();
        await look("user-ended");
        for (const act of ["Roles…", "Block…", "Set password…", "Reset link…", "End sessions…"]) {
          await page.getByRole("button", { name: act }).click();
          await dialog(page).waitFor();
          await look(`dialog-${act.toLowerCase().replace(/\W+/g, "-")}`);
          if (act === "Reset link…") {
            await dialog(page).getByRole("button", { name: "Make link" }).click();
            await dialog(page).getByLabel("Link", { exact: true }).waitFor();
            await look("dialog-reset-link-made");
          }
          await close();
        }
        await visitor.open(`/admin/users/${blocked}`);
        await page.getByText("Blocked", { exact: true }).waitFor();
        await look("user-blocked");
        await visitor.open("/admin/users/0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6");
        await page.getByText("There is no such user").waitFor();
        await look("user-gone");

        await visitor.open("/admin/audit");
        await page.locator(".event").nth(10).waitFor();
        await look("audit");
        await visitor.open("/admin/audit?session=nonsense");
        await page.locator(".failed").waitFor();
        await look("audit-wrong");

        anHourPasses(server);
        await visitor.open("/admin/keys");
        await page.getByRole("cell", { name: "Signing" }).waitFor();
        await look("keys");
        await page.getByRole("button", { name: "Replace all keys…" }).click();
        await look("dialog-replace-all-keys");
        await dialog(page).getByRole("button", { name: "Replace all keys" }).click();
        await page.getByRole("dialog", { name: "Please confirm that it is you" }).waitFor();
        await look("dialog-step-up");
        await close();
        await close();

        for (const [name, path] of [["setup", "/setup#wws_AAAAAAAAAAAAAAAAAAAAAAAA"], ["setup-incomplete", "/setup"], ["reset", "/reset#wwp_A"]] as const) {
          await page.goto("about:blank");
          await visitor.open(path);
          await page.locator("form:not([hidden]), #dead:not([hidden])").first().waitFor();
          await look(name);
        }
        await visitor.send({ password });
        await page.getByText("This link has been used").waitFor();
        await look("reset-dead");
        assert.deepEqual(visitor.complaints, []);

        const other = await atDesk(browser, server, "ada.lovelace", "/admin", { viewport, colorScheme });
        assert.deepEqual(await examine(other.page), [], "refused");
        await other.page.screenshot({ path: join(folder, `admin-refused-${size}-${colorScheme}.png`) });
        await Promise.all([visitor.leave(), other.leave()]);
      });
    }
  }

  test("everything is done with the keyboard", async () => {
    const { server, ada } = made;
    const visitor = await atDesk(browser, server, "grace", `/admin/users/${ada}`);
    const { page } = visitor;
    const roles = page.getByRole("button", { name: "Roles…" });
    await roles.focus();
    await page.keyboard.press("Enter");
    await dialog(page).waitFor();
    const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).closest("dialog") !== null);
    assert.ok(await focused());
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const outside = await page.evaluate(() => document.activeElement !== document.body && !document.activeElement!.closest("dialog"));
      assert.equal(outside, false, "the focus left the dialog");
    }
    await page.keyboard.press("Escape");
    await dialogGone(page);
    assert.equal(await roles.evaluate((button) => button === document.activeElement), true, "the focus came back");

    await page.keyboard.press("Home");
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
    await page.getByRole("link", { name: "Audit trail" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/admin/audit");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Audit trail");
    await visitor.leave();
  });
});
