// Builds the client as one file for the server's own pages: webui/assets/client.js.
// It is committed, so that the server is built with Go alone.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

writeFileSync(fileURLToPath(new URL("../../webui/assets/client.js", import.meta.url)), await bundle());
