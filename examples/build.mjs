// Bundles an example: what your own build tool does for you.
import { build as esbuild } from "esbuild";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Writes index.html and main.js of an example into a folder. `server`: where the sign-in server is. */
export async function build(name, out, { server, entry }) {
  mkdirSync(out, { recursive: true });
  copyFileSync(join(here, name, "index.html"), join(out, "index.html"));
  const candidates = entry ? [entry] : ["main.js", "main.ts", "main.tsx"];
  await esbuild({
    entryPoints: [candidates.map((file) => join(here, name, file)).find(existsSync)],
    outfile: join(out, "main.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: {
      SERVER: JSON.stringify(server),
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    alias: {
      ...Object.fromEntries(
        ["react", "react-dom", "vue-router", "axios"].map((name) => [name, join(here, "node_modules", name)]),
      ), // one of each: the client is a link into ../js
      vue: join(here, "node_modules/vue/dist/vue.esm-bundler.js"), // with the compiler for templates
    },
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    logLevel: "error",
  });
}
