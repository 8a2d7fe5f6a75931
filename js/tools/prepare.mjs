// Makes what the tests need beside the client: the server's program, the examples'
// packages, and a browser.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const run = (program, args, folder) => execFileSync(program, args, { cwd: at(folder), stdio: "inherit" });

if (!process.env.SERVER_BINARY) {
  mkdirSync(at("js/build"), { recursive: true });
  run("go", ["build", "-o", at("js/build/watchword"), "./cmd/watchword"], ".");
}

for (const folder of ["examples", "examples/nextjs"]) {
  const installed = at(`${folder}/node_modules/.package-lock.json`);
  const asked = at(`${folder}/package-lock.json`);
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(asked).mtimeMs) run("npm", ["ci"], folder);
}

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(chromium)) {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    console.error(`There is no ${chromium}: install Chromium, or say where it is in CHROMIUM.`);
    process.exit(1);
  }
  run("apt-get", ["update", "-qq"], ".");
  run("apt-get", ["install", "-y", "-qq", "chromium"], ".");
}
