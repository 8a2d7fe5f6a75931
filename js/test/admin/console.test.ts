/** The administrator's console, used as administrators use it, against the real server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { Visitor, launch, password } from "../pages/visitor.js";
import { Watchword, rest, until } from "../support/watchword.js";
import { addAdmin, anHourPasses, atDesk, dialog, dialogGone, signInElsewhere, toast } from "./desk.js";

/** The link that a server prints while it has no users. */
const setupLink = (server: Watchword) => /http:\S+\/setup#wws_[\w-]{24}/.exec(server.greeting)?.[0];

describe("the first administrator", () => {
  let browser: Browser;
  before(async () => (browser = await launch()));
  after(() => browser.close());

  test("is made with the link that the server prints, by one of two who use it at once", async () => {
    const server = await Watchword.start();
    try {
      await until(() => setupLink(server) !== undefined);
      const link = setupLink(server)!;
      assert.ok(!server.log.includes("wws_"), "the log holds the code");
      const people = await Promise.all([Visitor.arrive(browser, server), Visitor.arrive(browser, server)]);
      for (const { page } of people) await page.goto(link);
      await Promise.all(
        people.map((visitor, i) => visitor.send({ username: `root${i}`, email: `root${i}@example.org`, password })),
      );
      const ends = await Promise.all(
        people.map(({ page }) =>
          Promise.race([
            page.waitForURL("**/admin").then(() => "in"),
            page.locator("#dead:not([hidden])").waitFor().then(() => "refused"),
          ]),
        ),
      );
      assert.deepEqual(ends.sort(), ["in", "refused"]);
      const winner = people.find(({ page }) => page.url().endsWith("/admin"))!;
      await winner.page.getByRole("heading", { name: "Dashboard" }).waitFor();
      assert.ok(!(await winner.page.evaluate(() => location.href)).includes("wws_"));

      const late = await Visitor.arrive(browser, server);
      await late.page.goto(link);
      await late.send({ username: "late", email: "late@example.org", password });
      await late.page.getByText("This link has been used").waitFor();
      await late.open("/setup");
      await late.page.getByText("The address is not complete").waitFor();
      assert.deepEqual([winner, late].flatMap(({ complaints }) => complaints), []);
      const sent = server.gate.passages.map(({ path }) => path).join("\n");
      assert.ok(!sent.includes("wws_"), "the code was in an address that a server saw");

      await server.stop();
      const users = Number(server.command("user", "list", "--role=admin").split("\n").length) - 2;
      assert.equal(users, 1);
    } finally {
      await server.close();
    }
  });

  test("is not offered where there are users already", async () => {
    const server = await Watchword.start();
    try {
      addAdmin(server, "root");
      await server.stop();
      const before = server.greeting.length;
      await server.start();
      assert.ok(!server.greeting.slice(before).includes("/setup#"));
    } finally {
      await server.close();
    }
  });
});

describe("the console", () => {
  let browser: Browser;
  let server: Watchword;
  const visitors: Visitor[] = [];
  const sitDown = async (path?: string, options = {}) => {
    const visitor = await atDesk(browser, server, "grace", path, options);
    visitors.push(visitor);
    return visitor;
  };
  before(async () => {
    server = await Watchword.start({ flags: { "min-token-age": "1s" } });
    addAdmin(server, "grace");
    for (const name of ["ada", "adam", "bert", "clara", "dora", "emil", "mallory"]) await server.addUser(name);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    assert.deepEqual(complaints, [], "nothing was refused by the Content-Security-Policy, and no script failed");
  });
  /** Opens the page of a user from the list, as one types. */
  const find = async ({ page }: Visitor, name: string) => {
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await page.getByRole("searchbox").fill(name);
    await page.waitForURL((url) => url.searchParams.get("search") === name);
    await page.locator(".pages:not([aria-busy])").first().waitFor();
    await page.getByRole("list", { name: "Users" }).getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".pages:not([aria-busy])").length === 2);
  };

  test("searching as one types shows what was typed last, whatever answer comes last", async () => {
    const grace = await sitDown("/admin/users");
    const { page } = grace;
    const names = () => page.locator(".user .name").allInnerTexts();
    server.gate.fate = ({ path }) => (/search=a(&|$)/.test(path) ? { delay: 1_500 } : "pass");
    const box = page.getByRole("searchbox", { name: "Search by username or email" });
    await box.pressSequentially("a");
    await rest(400); // it is on its way, and slow
    await box.pressSequentially("dam");
    await page.waitForURL("**/admin/users?search=adam");
    await page.waitForFunction(() => document.querySelectorAll(".user").length === 1);
    await rest(1_500);
    assert.deepEqual(await names(), ["adam"]);
    server.gate.fate = () => "pass";

    // An address can be come back to, and says what is filtered.
    await page.getByRole("link", { name: "adam" }).click();
    await page.getByRole("heading", { name: "adam", level: 1 }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
    await page.goBack();
    await page.waitForFunction(() => document.querySelectorAll(".user").length === 1);
    assert.equal(await box.inputValue(), "adam");
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll(".user").length === 1);
    await box.fill("nobody at all");
    await page.getByText("Nobody matches").waitFor();
  });

  test("a list that cannot be loaded says so, and is loaded on asking", async () => {
    const { page } = await sitDown("/admin/keys");
    server.gate.fate = ({ path }) => (path.startsWith("/api/admin/users") ? "lose answer" : "pass");
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await page.getByRole("alert").getByText("The server cannot be reached").waitFor();
    server.gate.fate = () => "pass";
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: "clara", exact: true }).waitFor();
  });

  test("a user is created, and signs in", async () => {
    const grace = await sitDown("/admin/users");
    const { page } = grace;
    await page.getByRole("button", { name: "New user" }).click();
    await dialog(page).getByRole("button", { name: "Create user" }).click();
    await dialog(page).getByText("Please choose a username.").waitFor();
    await dialog(page).getByLabel("Username").fill("ada");
    await dialog(page).getByLabel("Password", { exact: true }).fill(password);
    await dialog(page).getByRole("button", { name: "Create user" }).click();
    await dialog(page).getByText("This username is taken").waitFor();
    await dialog(page).getByLabel("Username").fill("newcomer");
    await dialog(page).getByRole("button", { name: "Create user" }).click();
    await toast(page, "newcomer can sign in now.");
    await page.getByRole("heading", { name: "newcomer", level: 1 }).waitFor();
    assert.equal((await signInElsewhere(server, "newcomer")).status, 200);
  });

  test("roles ask for the password again if it was given long ago; nobody is signed out by that", async () => {
    const grace = await sitDown("/admin/users");
    await find(grace, "bert");
    const tab = await grace.tab();
    visitors.push(tab);
    await tab.open("/account");
    await tab.atAccount();
    anHourPasses(server);
    await grace.page.reload();
    await grace.page.getByRole("heading", { name: "bert", level: 1 }).waitFor();

    const { page } = grace;
    const refreshes = server.gate.count("/refresh");
    await page.getByRole("button", { name: "Roles…" }).click();
    await dialog(page).getByLabel("moderator").check();
    await dialog(page).getByRole("button", { name: "Save roles" }).click();
    const confirm = page.getByRole("dialog", { name: "Please confirm that it is you" });
    await confirm.waitFor();
    assert.equal(server.gate.count("/refresh"), refreshes, "a refresh was tried, which cannot help");

    // Who thinks better of it changes nothing.
    await confirm.getByRole("button", { name: "Cancel" }).click();
    await confirm.waitFor({ state: "detached" });
    await dialog(page).getByRole("button", { name: "Save roles" }).click();
    await confirm.getByLabel("Password").fill("not the password");
    await confirm.getByRole("button", { name: "Confirm" }).click();
    await confirm.getByText("is wrong").waitFor();
    await confirm.getByLabel("Password").fill(password);
    await confirm.getByRole("button", { name: "Confirm" }).click();
    await toast(page, "The roles of bert are changed.");
    await page.locator(".badges").getByText("moderator").waitFor();

    // The other tab has the new session, and the old one is over.
    await tab.page.reload();
    await tab.atAccount();
    const sessions = await tab.page.locator("#sessions .badge", { hasText: "This device" }).count();
    assert.equal(sessions, 1);
    // Within fifteen minutes nobody is asked again.
    await page.getByRole("button", { name: "Roles…" }).click();
    await dialog(page).getByLabel("moderator").uncheck();
    await dialog(page).getByRole("button", { name: "Save roles" }).click();
    await page.locator(".badges").getByText("moderator").waitFor({ state: "detached" });
  });

  test("who is blocked is out with the next call", async () => {
    const grace = await sitDown("/admin/users");
    const mallory = await Visitor.arrive(browser, server);
    visitors.push(mallory);
    await mallory.signIn("mallory");
    await find(grace, "mallory");
    const { page } = grace;
    await page.getByRole("button", { name: "Block…" }).click();
    await dialog(page).getByLabel("Reason").fill('Spam <img src=x onerror="alert(1)">');
    const answered = page.waitForResponse((response) => response.url().endsWith("/block"));
    await dialog(page).getByRole("button", { name: "Block", exact: true }).click();
    assert.equal((await answered).status(), 200);
    const before = server.gate.count("/api/auth/sessions");
    await mallory.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // the page asks for the sessions
    assert.match(await mallory.sentToSignIn(), /blocked/);
    assert.equal(server.gate.count("/api/auth/sessions"), before + 1, "a call was let in after the block was acknowledged");

    await page.getByText('Reason: Spam <img src=x onerror="alert(1)">').waitFor();
    await page.getByText("They are signed in nowhere").waitFor();
    await page.getByLabel("Show those that have ended").check();
    await page.getByRole("list", { name: "Sessions" }).getByText("User blocked").waitFor();
    await page.getByRole("list", { name: "Timeline" }).getByText("grace blocked mallory").waitFor();
    await page.getByRole("button", { name: "Unblock" }).click();
    await dialog(page).getByRole("button", { name: "Unblock" }).click();
    await page.locator(".badges").getByText("Active").waitFor();
    assert.equal((await signInElsewhere(server, "mallory")).status, 200);
  });

  test("a reset link lets the user choose a password, once, and ends their sessions", async () => {
    const grace = await sitDown("/admin/users");
    const clara = await Visitor.arrive(browser, server);
    visitors.push(clara);
    await clara.signIn("clara");
    await find(grace, "clara");
    const { page } = grace;
    await page.getByRole("button", { name: "Reset link…" }).click();
    await dialog(page).getByRole("button", { name: "Make link" }).click();
    const link = await dialog(page).getByLabel("Link", { exact: true }).inputValue();
    assert.match(link, /^http:\/\/localhost:\d+\/reset#wwp_[\w-]{60}$/);
    await dialog(page).getByRole("button", { name: "Done" }).click();
    await dialogGone(page);
    assert.ok(!(await page.content()).includes("wwp_"));

    const tab = await clara.tab();
    visitors.push(tab);
    await tab.page.goto(link);
    await tab.send({ password: "short" });
    await tab.page.locator("#password[aria-invalid]").waitFor();
    await tab.send({ password: "another horse entirely" });
    await tab.page.getByText("You can sign in as clara now.").waitFor();
    assert.ok(!tab.page.url().includes("wwp_"));
    await clara.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    assert.match(await clara.sentToSignIn(), /password was changed/);
    await clara.signIn("clara", "another horse entirely");

    await tab.page.goto("about:blank");
    await tab.page.goto(link);
    await tab.send({ password: "a third horse entirely" });
    await tab.page.getByText("This link has been used").waitFor();
    assert.ok(!server.gate.passages.some(({ path }) => path.includes("wwp_")));
    assert.ok(!server.log.includes("wwp_"));
  });

  test("a password is set, and sessions are ended, one and all", async () => {
    const grace = await sitDown("/admin/users");
    const dora = await signInElsewhere(server, "dora");
    await signInElsewhere(server, "dora");
    await find(grace, "dora");
    const { page } = grace;
    const sessions = page.getByRole("list", { name: "Sessions" }).getByRole("listitem");
    await page.waitForFunction(() => document.querySelectorAll(".session").length === 2);
    await sessions.first().getByRole("button", { name: /^End the session/ }).click();
    await toast(page, "That session has ended.");
    await page.waitForFunction(() => document.querySelectorAll(".session").length === 1);
    await page.getByRole("button", { name: "End sessions…" }).click();
    await dialog(page).getByRole("button", { name: "End sessions" }).click();
    await toast(page, "1 session has ended.");
    await page.getByText("They are signed in nowhere").waitFor();
    const refreshed = await server.call("POST", "/api/auth/refreshtoken", { refreshToken: dora.refreshToken });
    assert.equal(refreshed.body["reason"], "ended_by_admin");

    await page.getByRole("button", { name: "Set password…" }).click();
    await dialog(page).getByLabel("New password").fill("dora");
    await dialog(page).getByRole("button", { name: "Set password" }).click();
    await dialog(page).locator("[aria-invalid]").waitFor();
    await dialog(page).getByLabel("New password").fill("the password of dora");
    await dialog(page).getByRole("button", { name: "Set password" }).click();
    await toast(page, "dora has a new password.");
    assert.equal((await signInElsewhere(server, "dora", "the password of dora")).status, 200);
  });

  test("an administrator is not asked to lock themselves out", async () => {
    const grace = await sitDown("/admin/users");
    await find(grace, "grace");
    const { page } = grace;
    assert.equal(await page.getByRole("button", { name: "Block…" }).count(), 0);
    await page.getByRole("button", { name: "Roles…" }).click();
    await dialog(page).getByLabel("admin", { exact: true }).uncheck();
    await dialog(page).getByRole("button", { name: "Save roles" }).click();
    await dialog(page).getByText("You cannot do that to yourself").waitFor();
    await page.keyboard.press("Escape");
  });

  test("the trail is filtered, and taken away as CSV and JSON", async () => {
    const id = (await signInElsewhere(server, "emil")).id;
    await signInElsewhere(server, "emil", "not the password", '=cmd|"/C calc"!A0 <script>alert(1)</script>');
    const grace = await sitDown("/admin/audit");
    const { page } = grace;
    await page.getByLabel("Event").selectOption("user.sign_in_failed");
    await page.getByLabel("User", { exact: true }).fill("emil");
    await page.waitForURL(new RegExp(`user=${id}`));
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 1);
    const row = page.locator(".event");
    assert.match(await row.innerText(), /emil failed to sign in — wrong password/);
    await row.getByText("Details").click();
    await row.getByText('=cmd|"/C calc"!A0 <script>alert(1)</script>', { exact: true }).waitFor();

    const take = async (name: string) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
      assert.match(download.suggestedFilename(), /^watchword-audit-\d{8}T\d{6}Z\.(csv|json)$/);
      return readFileSync(await download.path(), "utf8");
    };
    const lines = (await take("Export CSV")).trim().split("\r\n");
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /^at,type,username,/);
    assert.match(lines[1]!, /,"'=cmd\|""\/C calc""!A0 <script>alert\(1\)<\/script>",/);
    const { events } = JSON.parse(await take("Export JSON"));
    assert.deepEqual([events.length, events[0].username, events[0].type], [1, "emil", "user.sign_in_failed"]);

    // Deep links, and what the page keeps of them.
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 1);
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#user")?.value === "emil");
    await page.getByLabel("Until").fill("2020-01-01T00:00");
    await page.getByText("No event matches the filter.").waitFor();
    await page.getByRole("button", { name: "Clear filter" }).click();
    await page.getByText("grace exported the audit trail").first().waitFor();
    assert.equal(new URL(page.url()).search, "");
  });

  test("keys are rotated; all of them only with a password given lately", async () => {
    const grace = await sitDown("/admin/keys");
    const { page } = grace;
    await page.getByRole("cell", { name: "Signing" }).waitFor();
    await page.getByRole("button", { name: "Rotate…" }).click();
    await dialog(page).getByRole("button", { name: "Rotate" }).click();
    await toast(page, "The next key is on its way.");
    await page.getByRole("cell", { name: "Next" }).waitFor();

    anHourPasses(server);
    await page.reload();
    await page.getByRole("button", { name: "Replace all keys…" }).click();
    await dialog(page).getByRole("button", { name: "Replace all keys" }).click();
    const confirm = page.getByRole("dialog", { name: "Please confirm that it is you" });
    await confirm.getByLabel("Password").fill(password);
    await confirm.getByRole("button", { name: "Confirm" }).click();
    await toast(page, "All keys are replaced.");
    assert.equal(await page.getByRole("cell", { name: "Revoked" }).count(), 2);
    // The access token of this very page is refused now; nobody notices.
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await page.getByRole("link", { name: "clara", exact: true }).waitFor();
  });

  test("the dashboard moves when people sign in, and rests while nobody looks", async () => {
    const grace = await sitDown();
    const { page } = grace;
    const signedIn = async () => Number(await page.locator(".tile", { hasText: "Sign-ins, last hour" }).locator(".value").innerText());
    await page.locator(".chart").first().waitFor();
    const before = await signedIn();
    for (let i = 0; i < 3; i++) await signInElsewhere(server, "ada");
    await signInElsewhere(server, "ada", "not the password");
    await page.waitForFunction((least) => Number(document.querySelectorAll(".tile .value")[2]!.textContent) >= least, before + 3);
    const picture = page.getByRole("img", { name: /^Sign-ins per minute, bars of the last hour\. In all: Signed in \d+, Failed \d+, Throttled 0\.$/ });
    assert.equal(await picture.count(), 1);
    await page.getByText("As a table").first().click();
    assert.ok((await page.locator(".numbers[open] tbody tr").count()) >= 12);

    const statistics = () => server.gate.count("/api/admin/statistics");
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await rest(2_000); // what was under way is answered
    const asked = statistics();
    await rest(11_000);
    assert.equal(statistics(), asked, "it asked while nobody looked");
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await until(() => statistics() === asked + 1);
    assert.equal(await page.locator(".numbers[open]").count(), 1, "what was open stays open");
    // Nor does it ask once another view is shown.
    await page.getByRole("link", { name: "Signing keys" }).click();
    await page.getByRole("cell", { name: "Signing" }).waitFor();
    const left = statistics();
    await rest(11_000);
    assert.equal(statistics(), left);
  });

  test("who is no administrator is told so; who loses the role loses the console", async () => {
    const adam = await Visitor.arrive(browser, server);
    visitors.push(adam);
    await adam.open("/admin/users");
    await adam.page.waitForURL("**/signin?return_to=%2Fadmin%2Fusers");
    await adam.send({ login: "adam", password });
    await adam.page.getByRole("heading", { name: "This is for administrators" }).waitFor();
    assert.equal(await adam.page.locator(".areas").isVisible(), false);
    assert.ok(!server.gate.passages.slice(-3).some(({ path }) => path.startsWith("/api/admin")));

    addAdmin(server, "shortly");
    const shortly = await atDesk(browser, server, "shortly", "/admin/users");
    visitors.push(shortly);
    await shortly.page.getByRole("link", { name: "clara", exact: true }).waitFor();
    const { token } = await signInElsewhere(server, "shortly");
    server.command("user", "roles", "shortly", "user");
    await until(async () => (await server.call("GET", "/api/auth/me", undefined, { Authorization: `Bearer ${token}` })).status === 401);
    await shortly.page.getByRole("link", { name: "Signing keys" }).click();
    await shortly.page.getByRole("heading", { name: "This is for administrators" }).waitFor();
  });

  test("what strangers choose is shown as text, and nothing else", async () => {
    const evil = ["<img/src=x/onerror=alert(1)>", "\"'><svg/onload=alert(1)>", "{{constructor}}", "javascript:alert(1)//"];
    for (const [i, username] of evil.entries()) {
      const { status, body } = await server.call("POST", "/api/auth/signup", { username, email: `evil${i}@example.org`, password });
      assert.equal(status, 200, JSON.stringify(body));
      await signInElsewhere(server, username, password, `<script>alert(${i})</script>Mozilla/5.0 (Windows NT 10.0) Chrome/130.0`);
      await signInElsewhere(server, username, "not the password", `<iframe src="javascript:alert(${i})">`);
    }
    const grace = await sitDown("/admin/users");
    const { page } = grace;
    for (const username of evil) {
      await find(grace, username);
      await page.getByRole("button", { name: "Roles…" }).click();
      await dialog(page).getByRole("heading", { name: `Roles of ${username}` }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("list", { name: "Timeline" }).getByText("signed in").first().waitFor();
    }
    await page.getByRole("link", { name: "Audit trail" }).click();
    await page.locator(".event").nth(10).waitFor();
    for (const summary of await page.locator(".event summary").all()) await summary.click();
    assert.equal(await page.locator("main :is(script, iframe, img, svg[onload])").count(), 0);
    assert.deepEqual(grace.complaints, []);
  });

  test("no other site can frame it, and its policy allows no inline script", async () => {
    const response = await fetch(`${server.url}/admin/users`, { headers: { Accept: "text/html" } });
    const policy = response.headers.get("Content-Security-Policy") ?? "";
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /script-src 'self'/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(response.headers.get("X-Frame-Options"), "DENY");
    assert.equal(response.headers.get("Cache-Control"), "no-store");
    const text = await response.text();
    assert.ok(!/ style=| on\w+=|<style|<script(?![^>]* src=)/.test(text));

    const stranger = await Visitor.arrive(browser, server);
    await stranger.page.route("https://evil.example/", (route) =>
      route.fulfill({ contentType: "text/html", body: `<iframe src="${server.url}/admin"></iframe>` }),
    );
    await stranger.page.goto("https://evil.example/");
    await rest(500);
    const framed = stranger.page.frames()[1];
    assert.ok(!framed || !(await framed.content()).includes("Administration"));
    await stranger.leave();
  });

  test("the cookie alone does nothing: another site's page cannot act", async () => {
    const grace = await sitDown("/admin/users");
    const emil = await signInElsewhere(server, "emil");
    const statuses = await grace.page.evaluate(async (id) => {
      const send = async (path: string, init: RequestInit) => (await fetch(path, { credentials: "include", ...init })).status;
      const json = { "Content-Type": "application/json" };
      return [
        await send(`/api/admin/users/${id}/block`, { method: "POST", headers: json, body: "{}" }),
        await send(`/api/admin/users/${id}/roles`, { method: "PUT", headers: json, body: '{"roles":["admin"]}' }),
        await send(`/api/admin/users/${id}/reset`, { method: "POST" }),
        await send("/api/admin/audit/export?format=csv", {}),
        await send("/api/admin/keys/rotate", { method: "POST" }),
      ];
    }, emil.id);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401]);
  });
});
