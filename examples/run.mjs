// Serves one of the examples that run in the browser alone:
//
//	node run.mjs react        → http://localhost:5173
//
// It expects Watchword at http://localhost:8080, started with
//
//	watchword serve --demo --allow-origin http://localhost:5173
import { build } from "./build.mjs";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [name] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
if (!name || !existsSync(join(here, name, "index.html"))) {
  console.error("Say which example: node run.mjs fetch|axios|react|vue|angular|tutorial-react|tutorial-vue");
  process.exit(2);
}
const out = join(here, "dist", name);
await build(name, out, { server: process.env.SERVER ?? "http://localhost:8080" });

createServer((request, reply) => {
  const script = request.url === "/main.js";
  reply.writeHead(200, { "Content-Type": script ? "text/javascript" : "text/html; charset=utf-8" });
  createReadStream(join(out, script ? "main.js" : "index.html")).pipe(reply); // every address is the router's
}).listen(5173, () => console.log("http://localhost:5173"));
