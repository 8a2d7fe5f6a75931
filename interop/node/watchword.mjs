// Starts the real server for tests: the program that SERVER_BINARY names, or one that
// is built for them.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "watchword-node-"));
const running = new Set();
process.once("exit", () => {
  running.forEach((server) => server.kill("SIGKILL"));
  rmSync(folder, { recursive: true, force: true });
});

let built;
function program() {
  if (process.env.SERVER_BINARY) return process.env.SERVER_BINARY;
  if (!built) {
    built = join(folder, "watchword");
    execFileSync("go", ["build", "-o", built, "./cmd/watchword"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  }
  return built;
}

/** Runs a command of the program and returns what it printed. */
export function command(...args) {
  return execFileSync(program(), args, { cwd: folder, encoding: "utf8", env: {} });
}

/** Makes a confidential client: { id, secret, client }, the last being the setting. */
export const newClient = (id) => JSON.parse(command("client", "new", "--json", id));

let count = 0;

/** Starts a server on a free port, with these flags: its issuer's URL, its data, and how to stop it. */
export async function start(...flags) {
  const data = join(folder, `data-${++count}`);
  const portFile = join(folder, `address-${count}`);
  const server = spawn(program(), ["serve", "--listen", "127.0.0.1:0", "--data", data, "--port-file", portFile, ...flags], {
    cwd: folder,
    env: {},
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.add(server);
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  for (const patience = Date.now() + 60_000; !existsSync(portFile); await rest(10)) {
    if (server.exitCode !== null || server.signalCode !== null || Date.now() > patience) {
      server.kill("SIGKILL");
      throw new Error(`watchword did not start:\n${log}`);
    }
  }
  const stop = async () => {
    running.delete(server);
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await new Promise((ended) => server.once("exit", ended));
  };
  const address = readFileSync(portFile, "utf8").trim();
  const metadata = await fetch(`${address}/.well-known/oauth-authorization-server`);
  return { url: (await metadata.json()).issuer, data, stop };
}

export const password = "correct horse battery";

/** Posts JSON and returns the answer's. */
export async function post(url, body, headers = {}) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Signs a new user up and in: { accessToken, refreshToken, … }. */
export async function signIn(url, username) {
  await post(`${url}/api/auth/signup`, { username, email: `${username}@example.org`, password });
  return post(`${url}/api/auth/signin`, { username, password });
}
