import { createReadStream, existsSync, statSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { createServer as createTLSServer } from "node:https";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { certificate } from "./gate.js";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
};

/** A web server for files: the front end under test. */
export interface Site {
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves folders by the paths they are mounted at; what is not found is /index.html, for routers in the page. */
export async function openSite(folders: Record<string, string>, { host = "localhost", tls = false } = {}): Promise<Site> {
  const find = (path: string): string | undefined => {
    for (const [mount, folder] of Object.entries(folders)) {
      if (!path.startsWith(mount)) continue;
      const file = join(folder, normalize(`/${path.slice(mount.length)}`));
      if (existsSync(file) && statSync(file).isFile()) return file;
    }
    return undefined;
  };
  const answer: Parameters<typeof createServer>[1] = (request, reply) => {
    const path = new URL(request.url!, "http://x").pathname;
    const file = find(path) ?? find("/index.html");
    if (!file) return void reply.writeHead(404).end();
    reply.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
    createReadStream(file).pipe(reply);
  };
  const server: Server = tls ? createTLSServer(certificate(), answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${tls ? "https" : "http"}://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
