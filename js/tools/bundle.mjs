// The client in one file, minified: what the package's weight is measured by, and
// what the server's own pages embed.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../dist/index.js", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return outputFiles[0].contents;
}
