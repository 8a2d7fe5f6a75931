/** Servers that render pages: Express and Next.js, as the examples have them. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { openChromium } from "../support/chromium.js";
import { Watchword, rest, root, until } from "../support/watchword.js";

const folder = (...parts: string[]) => join(root, "examples", ...parts);

/** How each is built and started. */
const kinds: Record<string, (port: number, env: NodeJS.ProcessEnv) => ChildProcess> = {
  express: (_, env) => {
    return spawn(process.execPath, [folder("express/server.js")], { env, stdio: "ignore" });
  },
  nextjs: (port, env) => {
    const next = folder("nextjs/node_modules/next/dist/bin/next");
    execFileSync(process.execPath, [next, "build"], { cwd: folder("nextjs"), env, stdio: "ignore", timeout: 900_000 });
    return spawn(process.execPath, [next, "start", "--port", String(port)], { cwd: folder("nextjs"), env, stdio: "ignore" });
  },
};

async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000); // below those that the system gives to clients
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

for (const [name, start] of Object.entries(kinds)) {
  describe(`pages rendered by ${name}`, () => {
    let server: Watchword;
    let renderer: ChildProcess;
    let browser: BrowserContext;
    let page: Page;
    let site: string;

    before(async () => {
      const port = await freePort();
      site = `http://localhost:${port}`;
      server = await Watchword.start({
        flags: { demo: "on", "cookie-same-site": "lax", "min-token-age": "1s", "retry-window": "1s" },
        origins: [site],
      });
      await server.addUser("ada");
      renderer = start(port, {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        NEXT_TELEMETRY_DISABLED: "1",
        PORT: String(port),
        WATCHWORD: server.url,
      });
      browser = await openChromium();
      page = await browser.newPage();
      for (let patience = 1_200; ; patience--) {
        if (
          await fetch(site).then(
            (answer) => answer.ok,
            () => false,
          )
        )
          break;
        if (patience === 0) throw new Error(`${name} did not start`);
        await rest(100);
      }
    });
    after(async () => {
      await browser?.close();
      renderer?.kill("SIGKILL");
      await server?.close();
    });

    const refreshes = () => server.gate.count("/refresh");
    /** Waits until the buttons do something: before, a form would be sent without the script. */
    const usable = () =>
      page.waitForFunction((next) => !next || Object.keys(document.querySelector("button") ?? {}).some((key) => key.startsWith("__reactProps")), name === "nextjs");
    const signedIn = () => page.getByText("Signed in as ada").waitFor();

    test("sign in, and be known on the next page, which costs one refresh", async () => {
      await page.goto(site);
      await usable();
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password").fill("correct horse battery");
      await page.getByRole("button", { name: "Sign in" }).click();
      await signedIn();
      await page.getByRole("status").filter({ hasText: /user/i }).waitFor();
      const before = refreshes();
      await page.goto(site);
      await signedIn();
      assert.equal(refreshes(), before + 1);
    });

    test("the new cookie reaches the browser at each rotation, and its key with it", async () => {
      const jar = async () => Object.fromEntries((await browser.cookies(site)).map(({ name, value }) => [name, value]));
      for (let navigation = 0; navigation < 3; navigation++) {
        const before = await jar();
        await rest(1_100);
        await page.goto(site);
        await signedIn();
        const after = await jar();
        assert.notEqual(after["watchword-dev"], before["watchword-dev"]);
        assert.notEqual(after["watchword-key"], before["watchword-key"]);
      }
      assert.equal((await browser.cookies(site)).find(({ name }) => name === "watchword-dev")?.httpOnly, true);
    });

    test("the page holds no token", async () => {
      const html = await page.content();
      assert.ok(!html.includes("wwr_") && !html.includes("eyJ"), html);
    });

    test("a navigation that is broken off after the rotation is made good, later than the retry window", async () => {
      await rest(1_100);
      server.gate.fate = ({ path }) => (path === "/refresh" ? { delay: 1_500 } : "pass");
      const before = refreshes();
      const tab = await browser.newPage();
      const broken = tab.goto(site).catch(() => "broken off");
      await until(() => refreshes() > before);
      await tab.close();
      assert.equal(await broken, "broken off");
      server.gate.fate = () => "pass";
      await rest(2_500);
      await page.goto(site);
      await signedIn();
      const [lost, again] = server.gate.passages.filter(({ path }) => path === "/refresh").slice(-2);
      assert.equal(lost!.key, again!.key);
    });

    test("three tabs that open at once are all known", async () => {
      await rest(1_100);
      const tabs = await Promise.all([1, 2, 3].map(() => browser.newPage()));
      await Promise.all(tabs.map((tab) => tab.goto(site)));
      for (const tab of tabs) {
        await tab.getByText("Signed in as ada").waitFor();
        await tab.close();
      }
    });

    test("a sign-in server that is out of order asks nobody to sign in again", async () => {
      await server.stop("SIGKILL");
      const answer = await page.goto(site);
      assert.equal(answer?.status(), 503);
      assert.match((await page.textContent("body"))!, /still signed in/);
      await server.start();
      await page.goto(site);
      await signedIn();
    });

    test("a forged header makes nobody signed in", async () => {
      const html = await (
        await fetch(site, { headers: { authorization: "Bearer x", "x-middleware-subrequest": "proxy:proxy:proxy:proxy:proxy" } })
      ).text();
      assert.ok(!html.includes("Signed in as"));
    });

    test("signing out is known on the next page", async () => {
      await usable();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      await page.goto(site);
      await page.getByRole("button", { name: "Sign in" }).waitFor();
    });
  });
}
