import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { openChromium } from "../support/chromium.js";
import { openSite } from "../support/site.js";
import { Stage, askDemo, credentials, folders, stateOf } from "../support/stage.js";
import { Watchword, until } from "../support/watchword.js";

/** Reads a page of one site from a server of another, both by https. */
async function abroad(
  settings: Parameters<typeof openChromium>[0],
  visit: (page: Page, server: Watchword) => Promise<void>,
): Promise<void> {
  const site = await openSite(folders, { host: "app.test", tls: true });
  const server = await Watchword.start({
    host: "id.example",
    tls: true,
    origins: [site.origin],
    flags: { "cookie-same-site": "none", "min-token-age": "0s", demo: "on" },
  });
  const browser = await openChromium({
    ...settings,
    args: ["--ignore-certificate-errors", "--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.example 127.0.0.1"],
  });
  try {
    await server.addUser("ada");
    await visit(await new Stage(server, site, browser, "cookie").open(), server);
  } finally {
    await browser.close();
    await server.close();
    await site.close();
  }
}

const signIn = (page: Page) =>
  page.evaluate(
    (credentials) =>
      window.client.signIn(credentials).then(
        ({ username }) => username,
        (error) => error.code as string,
      ),
    credentials,
  );

test("a front end of another site works with SameSite=None, by a Secure cookie that is the server's alone", () =>
  // Debian's Chromium blocks them unless it is told otherwise.
  abroad({ preferences: { profile: { block_third_party_cookies: false, cookie_controls_mode: 0 } } }, async (page, server) => {
    assert.equal(await signIn(page), "ada");
    await page.reload();
    assert.equal((await stateOf(page)).user?.username, "ada");
    assert.deepEqual(await askDemo(page, 3), [200, 200, 200]);
    const [cookie] = await page.context().cookies(server.url);
    assert.deepEqual(
      { name: cookie!.name, secure: cookie!.secure, httpOnly: cookie!.httpOnly, sameSite: cookie!.sameSite, path: cookie!.path },
      { name: "__Host-Http-watchword", secure: true, httpOnly: true, sameSite: "None", path: "/" },
    );
    await page.evaluate(() => window.client.signOut());
    assert.deepEqual(await page.context().cookies(server.url), []);
  }));

for (const [name, preferences] of Object.entries({
  "cookies of other sites are blocked": { profile: { block_third_party_cookies: true, cookie_controls_mode: 1 } },
  "all cookies are blocked, and all storage": { profile: { default_content_setting_values: { cookies: 2 } } },
})) {
  test(`where ${name}, signing in says so, and leaves no session behind`, () =>
    abroad({ preferences }, async (page, server) => {
      assert.equal(await signIn(page), "cookies_blocked");
      assert.equal((await stateOf(page)).status, "signed-out");
      const { body } = await server.call("POST", "/api/auth/signin", credentials);
      await until(async () => {
        const own = await server.call("GET", "/api/auth/sessions", undefined, { Authorization: `Bearer ${body["accessToken"]}` });
        return (own.body["sessions"] as unknown[]).length === 1; // only the one that asks
      });
    }));
}
