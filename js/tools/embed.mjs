// Builds the client as one file for the server's own pages, webui/assets/client.js,
// which is committed so that the server is built with Go alone. With --check it
// writes nothing, and fails if another file is there.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

const file = fileURLToPath(new URL("../../webui/assets/client.js", import.meta.url));
const built = Buffer.from(await bundle());
if (!process.argv.includes("--check")) writeFileSync(file, built);
else if (!readFileSync(file).equals(built)) {
  console.error("webui/assets/client.js is not what js builds: run 'npm run embed' in js, and commit it");
  process.exit(1);
}
