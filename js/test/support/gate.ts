import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from "node:http";
import { createServer as createTLSServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A request that went through. */
export interface Passage {
  method: string;
  path: string;
  key: string | undefined;
  status: number;
  /** Whether the answer set or removed a cookie. */
  cookie: boolean;
}

/** What may be done to a request: nothing, answering never, or losing the answer after the server did its work. */
export type Fate = "pass" | "lose answer" | "hang" | { delay: number };

/** A proxy before a server, which sees and can spoil everything. Its address stays when the server's changes. */
export interface Gate {
  readonly url: string;
  readonly upstream: string;
  readonly passages: Passage[];
  /** Decides about each request. */
  fate: (request: { method: string; path: string }) => Fate;
  /** How many requests for a path were answered. */
  count(path: string): number;
  lead(upstream: URL): void;
  close(): Promise<void>;
}

export async function openGate(host: string, tls: boolean): Promise<Gate> {
  let upstream: URL | undefined;
  const answer = (message: IncomingMessage, reply: ServerResponse) => {
    const { method = "GET", url: path = "/" } = message;
    const fate = method === "OPTIONS" ? "pass" : gate.fate({ method, path });
    if (fate === "hang") return;
    const onward = request(
      { host: upstream!.hostname, port: upstream!.port, method, path, headers: message.headers },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => {
          const { statusCode: status = 0, headers } = incoming;
          const key = message.headers["idempotency-key"];
          gate.passages.push({ method, path, key: key?.toString(), status, cookie: "set-cookie" in headers });
          const finish = () => {
            reply.writeHead(status, headers);
            reply.end(Buffer.concat(chunks));
          };
          if (fate === "lose answer") reply.destroy();
          else if (typeof fate === "object") setTimeout(finish, fate.delay);
          else finish();
        });
      },
    );
    onward.on("error", () => reply.destroy());
    message.pipe(onward);
  };
  const server: Server = tls ? createTLSServer(certificate(), answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  const gate: Gate = {
    url: `${tls ? "https" : "http"}://${host}:${port}`,
    get upstream() {
      return upstream!.origin;
    },
    passages: [],
    fate: () => "pass",
    count: (path) =>
      gate.passages.filter((passage) => passage.path.split("?")[0] === path && passage.method !== "OPTIONS").length,
    lead: (to) => (upstream = to),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gate;
}

/** A certificate that nobody knows, for browsers that are told not to mind. */
export function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "watchword-js-tls-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
