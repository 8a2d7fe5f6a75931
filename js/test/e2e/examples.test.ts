/** The examples for front ends, as a user meets them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { openChromium } from "../support/chromium.js";
import { type Site, openSite } from "../support/site.js";
import { Watchword, rest, root, until } from "../support/watchword.js";

const examples = join(root, "examples");
const flags = { demo: "on", "access-ttl": "4s", "min-token-age": "1s" };

const builder = (await import(join(examples, "build.mjs"))) as {
  build(name: string, out: string, options: { server: string; entry?: string }): Promise<void>;
};

/** An example, open in a browser that knows nobody. */
async function show(
  name: string,
  visit: (page: Page, server: Watchword, site: Site) => Promise<void>,
  given: Record<string, string> = flags,
  entry?: string,
): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), `watchword-js-${name}-`));
  const site = await openSite({ "/": out });
  const server = await Watchword.start({ flags: given, origins: [site.origin] });
  let browser: BrowserContext | undefined;
  try {
    await builder.build(name, out, { server: server.url, ...(entry && { entry }) });
    await server.addUser("ada");
    browser = await openChromium();
    const page = await browser.newPage();
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    await page.goto(site.origin);
    await visit(page, server, site);
    assert.deepEqual(troubles, []);
  } finally {
    await browser?.close();
    await server.close();
    await site.close();
    rmSync(out, { recursive: true });
  }
}

async function signIn(page: Page, password = "correct horse battery"): Promise<void> {
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const signedIn = (page: Page) => page.getByText("Signed in as ada").waitFor();
const asksToSignIn = (page: Page) => page.getByRole("button", { name: "Sign in" }).waitFor();

for (const [name, answer] of Object.entries({
  fetch: "User Content.",
  axios: "10 times: User Content.",
  react: "User Content.",
  vue: "User Content.",
  angular: "10 times: User Content.",
})) {
  test(`${name}: sign in, reload, an access token that expires, the end of the session`, () =>
    show(name, async (page, server) => {
      await asksToSignIn(page);
      await signIn(page, "wrong");
      await page.getByRole("alert").filter({ hasText: /\w/ }).waitFor();
      await signIn(page);
      await signedIn(page);
      await page.reload();
      await signedIn(page);

      await rest(4_200);
      const refreshes = server.gate.count("/refresh");
      await page.getByRole("button", { name: /Ask for/ }).click();
      await page.getByRole("status").filter({ hasText: answer }).waitFor();
      assert.equal(server.gate.count("/refresh"), refreshes + 1, "one refresh, however many ask");

      await page.getByRole("button", { name: "Sign out" }).click();
      await asksToSignIn(page);
      await page.reload();
      await asksToSignIn(page);
    }));
}

test("react: a guarded corner is for administrators, and opens when the role comes", () =>
  show(
    "react",
    async (page, server) => {
      await signIn(page);
      await page.getByText("more here for administrators").waitFor();
      const { body } = await server.call("POST", "/api/auth/signin", { username: "ada", password: "correct horse battery" });
      const headers = { Authorization: `Bearer ${body["accessToken"]}` };
      server.command("user", "roles", "ada", "user", "admin");
      await until(async () => (await server.call("GET", "/api/auth/me", undefined, headers)).status === 401);
      await page.getByRole("button", { name: /Ask for/ }).click(); // refused as stale, renewed, answered
      await page.getByText("The administrator's corner.").waitFor();
      await page.getByRole("status").filter({ hasText: "User Content." }).waitFor();
    },
    { demo: "on" },
  ));

for (const name of ["vue", "angular"]) {
  test(`${name}: a guarded route is for who is signed in, and for administrators`, () =>
    show(name, async (page, _, site) => {
      await page.goto(`${site.origin}/admin`);
      await asksToSignIn(page);
      assert.equal(new URL(page.url()).searchParams.get("returnTo"), "/admin");
      await signIn(page);
      await page.getByText("That is for administrators.").waitFor();
    }));
}

for (const name of ["tutorial-react", "tutorial-vue"]) {
  const usual = async (page: Page) => {
    await signIn(page);
    await page.getByText("ROLE_USER").waitFor();
    for (let renewal = 0; renewal < 3; renewal++) {
      await rest(4_200);
      await page.getByRole("button", { name: /Ask for/ }).click();
      await page.getByRole("status").filter({ hasText: "User Content." }).waitFor();
      await page.reload();
      await page.getByText("Signed in as ada").waitFor();
    }
  };

  test(`${name}: as it stands, with rotation off`, () => show(name, usual, { ...flags, rotation: "off" }, "before.js"));

  test(`${name}: with three changes it rotates, and a lost answer costs nothing`, () =>
    show(
      name,
      async (page, server) => {
        await usual(page);
        assert.ok(
          new Set(server.gate.passages.filter(({ path }) => path === "/api/auth/refreshtoken").map(({ key }) => key)).size >= 3,
        );

        await rest(4_200);
        server.gate.fate = ({ path }) => (path === "/api/auth/refreshtoken" ? "lose answer" : "pass");
        await page.getByRole("button", { name: /Ask for/ }).click();
        await page.getByRole("status").filter({ hasText: "Network Error" }).waitFor();
        server.gate.fate = () => "pass";
        await rest(1_200); // later than the retry window: only the key can tell that this is no theft
        await page.getByRole("button", { name: /Ask for/ }).click();
        await page.getByRole("status").filter({ hasText: "User Content." }).waitFor();
      },
      { ...flags, "retry-window": "1s" },
      "after.js",
    ));

  test(`${name}: as it stands, with rotation on, is signed out: it keeps the first refresh token`, () =>
    show(
      name,
      async (page) => {
        await signIn(page);
        for (let renewal = 0; renewal < 2; renewal++) {
          await page.getByText("ROLE_USER").waitFor();
          await rest(4_200);
          await page.getByRole("button", { name: /Ask for/ }).click();
          if (renewal === 0) await page.getByRole("status").filter({ hasText: "User Content." }).waitFor();
        }
        await asksToSignIn(page);
      },
      { ...flags, "retry-window": "1s" },
      "before.js",
    ));
}
