/** People who look at the server's own pages. */
import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, type Page, chromium } from "playwright-core";
import { Watchword } from "../support/watchword.js";

export const password = "correct horse battery";

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    chromiumSandbox: false,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });

/** A person with a browser of their own, at a server's pages. What their browser complains of is kept. */
export class Visitor {
  readonly page: Page;
  readonly server: Watchword;
  readonly complaints: string[] = [];

  private constructor(server: Watchword, page: Page) {
    this.server = server;
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // A status of the API that is not 200 is no news.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.complaints.push(message.text());
    });
  }

  static async arrive(browser: Browser, server: Watchword, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(60_000);
    return new Visitor(server, await context.newPage());
  }

  /** Another tab of the same browser. */
  async tab(): Promise<Visitor> {
    return new Visitor(this.server, await this.page.context().newPage());
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.server.url + path);
  }

  /** Fills in the form that is there and sends it. */
  async send(fields: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(fields)) await this.page.locator(`[name="${name}"]`).fill(value);
    await this.page.locator("form button:not([type=button])").first().click();
  }

  async signUp(username: string): Promise<void> {
    await this.open("/signup");
    await this.send({ username, email: `${username}@example.org`, password });
    await this.atAccount();
  }

  async signIn(username: string, secret = password): Promise<void> {
    await this.open("/signin");
    await this.send({ login: username, password: secret });
    await this.atAccount();
  }

  /** Waits until the account page shows everything. */
  async atAccount(): Promise<void> {
    await this.page.waitForURL("**/account");
    await this.page.locator("#sessions:not([aria-busy]) li").first().waitFor();
  }

  /** Waits for the sign-in page, and returns what it says about the session before. */
  async sentToSignIn(): Promise<string> {
    // Not by the address: of two that go there at once the first is broken off.
    const farewell = this.page.locator("#farewell:not([hidden])");
    await farewell.waitFor();
    await this.page.waitForLoadState(); // its script takes the reason out of the address
    assert.match(this.page.url(), /\/signin/);
    return (await farewell.textContent()) ?? "";
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText();
  }

  leave(): Promise<void> {
    return this.page.context().close();
  }
}
