import { fileURLToPath } from "node:url";

const watchword = process.env.WATCHWORD ?? "http://localhost:8080";

export default {
  // Browsers reach sign-in by this site's address, so that its cookie comes along
  // when a page is asked for.
  rewrites: async () =>
    ["/login", "/refresh", "/logout", "/api/auth/:path*"].map((source) => ({ source, destination: watchword + source })),

  // Only because @watchword/client is a link to the folder ../../js here.
  turbopack: { root: fileURLToPath(new URL("../..", import.meta.url)) },
};
