import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

/** How a browser is started. */
export interface BrowserSettings {
  args?: string[];
  /** What its user set in the settings. */
  preferences?: Record<string, unknown>;
}

// Removed at the end: a browser's helpers write a little longer than it lives.
const profiles: string[] = [];
process.once("exit", () => {
  for (const profile of profiles) {
    try {
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // A helper still writes. The folder is a temporary one.
    }
  }
});

/** A new Chromium with a profile of its own: another person's, or another machine's. */
export async function openChromium({ args = [], preferences }: BrowserSettings = {}): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), "watchword-js-chromium-"));
  if (preferences) {
    mkdirSync(join(profile, "Default"));
    writeFileSync(join(profile, "Default/Preferences"), JSON.stringify(preferences));
  }
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    chromiumSandbox: false,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
  context.setDefaultTimeout(60_000);
  profiles.push(profile);
  return context;
}
