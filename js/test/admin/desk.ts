/** An administrator at the console. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { Visitor, password } from "../pages/visitor.js";
import type { Watchword } from "../support/watchword.js";

/** Makes an administrator on the command line. */
export function addAdmin(server: Watchword, username: string): void {
  const options = ["--role=admin", "--role=user", `--email=${username}@example.org`, "--password-stdin"];
  server.commandWith(`${password}\n`, "user", "add", ...options, username);
}

/** Signs a new browser in and opens a view of the console. */
export async function atDesk(
  browser: Browser,
  server: Watchword,
  username: string,
  path = "/admin",
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const visitor = await Visitor.arrive(browser, server, options);
  await visitor.signIn(username);
  await visitor.open(path);
  await visitor.page.locator("#view h1").first().waitFor();
  return visitor;
}

/** What the API says to a user who signs in from outside any browser. */
export async function signInElsewhere(server: Watchword, username: string, secret = password, userAgent = "curl/8.5.0") {
  const { status, body } = await server.call("POST", "/api/auth/signin", { username, password: secret }, { "User-Agent": userAgent });
  return { status, id: String(body["id"]), token: String(body["accessToken"]), refreshToken: String(body["refreshToken"]) };
}

/**
 * Makes all sessions an hour older, as if time had passed: the server has no other
 * clock than the machine's.
 */
export function anHourPasses(server: Watchword): void {
  const hour = 3_600_000_000;
  const statement = `PRAGMA busy_timeout = 10000; UPDATE watchword_sessions SET created_at = created_at - ${hour};`;
  execFileSync("sqlite3", [join(server.data, "watchword.db"), statement], { stdio: ["ignore", "ignore", "inherit"] });
}

/** The dialog that is on top. */
export const dialog = (page: Page) => page.locator("dialog[open]").last();

/**
 * Waits until no dialog is left in the page. One that is closed is no longer open at
 * once, but leaves the page, and gives the focus back, only with its close event.
 */
export const dialogGone = (page: Page) => page.locator("dialog").waitFor({ state: "detached" });

/** What is said in passing. */
export async function toast(page: Page, text: string | RegExp): Promise<void> {
  await page.locator(".toast", { hasText: text }).first().waitFor();
}
