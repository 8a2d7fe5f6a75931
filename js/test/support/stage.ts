import { join } from "node:path";
import type { Client } from "@watchword/client";
import type { BrowserContext, Page } from "playwright-core";
import { openChromium } from "./chromium.js";
import { type Site, openSite } from "./site.js";
import { Watchword, root } from "./watchword.js";

declare global {
  interface Window {
    client: Client;
    ready: Promise<unknown>;
  }
}

export const credentials = { username: "ada", password: "correct horse battery" };
/** The client's build, and the page that uses it. */
export const folders = { "/client/": join(root, "js/dist"), "/": join(root, "js/test/e2e/page") };

/** A server, a front end on another port, and a browser. */
export class Stage {
  readonly server: Watchword;
  readonly site: Site;
  readonly browser: BrowserContext;
  readonly address: string;
  readonly path: string;

  constructor(server: Watchword, site: Site, browser: BrowserContext, delivery: "cookie" | "body") {
    this.server = server;
    this.site = site;
    this.browser = browser;
    this.path = delivery === "cookie" ? "/refresh" : "/api/auth/refreshtoken";
    const more = delivery === "body" ? "&storage=local" : "";
    this.address = `${site.origin}/?delivery=${delivery}&server=${encodeURIComponent(server.url)}${more}`;
  }

  static async set(flags: Record<string, string>, delivery: "cookie" | "body" = "cookie"): Promise<Stage> {
    const site = await openSite(folders);
    let server: Watchword | undefined;
    try {
      server = await Watchword.start({ flags: { demo: "on", ...flags }, origins: [site.origin] });
      await server.addUser("ada");
      return new Stage(server, site, await openChromium(), delivery);
    } catch (error) {
      await server?.close();
      await site.close();
      throw error;
    }
  }

  async strike(): Promise<void> {
    await this.browser.close();
    await this.server.close();
    await this.site.close();
  }

  async open(browser = this.browser): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(this.address);
    await page.waitForFunction(() => window.client !== undefined);
    return page;
  }

  async signedIn(): Promise<Page> {
    const page = await this.open();
    await page.evaluate((credentials) => window.client.signIn(credentials), credentials);
    this.server.gate.passages.length = 0;
    return page;
  }

  get refreshes() {
    return this.server.gate.passages.filter(({ path, method }) => path === this.path && method === "POST");
  }
}

/** What the client in a page knows, once it knows it. */
export const stateOf = (page: Page) => page.evaluate(() => window.ready.then(() => window.client.state));
/** Refreshes in a page; says what came of it. */
export const refresh = (page: Page) =>
  page.evaluate(() =>
    window.client.refresh().then(
      () => "refreshed",
      (error) => error.code as string,
    ),
  );
/** Asks for something protected, so many times at once; the statuses. */
export const askDemo = (page: Page, count = 1) =>
  page.evaluate(async (count) => {
    const { server } = Object.fromEntries(new URL(location.href).searchParams);
    const answers = await Promise.all(Array.from({ length: count }, () => window.client.fetch(`${server}/api/test/user`)));
    return answers.map((answer) => answer.status);
  }, count);
