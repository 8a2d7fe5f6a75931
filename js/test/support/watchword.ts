import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Gate, openGate } from "./gate.js";

/** The repository. */
export const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** The server's program: the one that SERVER_BINARY names, or the one that tools/prepare.mjs built. */
const program = (): string => process.env["SERVER_BINARY"] ?? join(root, "js/build/watchword");

// None outlives the tests.
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((started) => started.kill("SIGKILL")));

/** Whether a process has ended: of one that a signal ended there is no exit code. */
const ended = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** How a server is started. */
export interface Settings {
  /** Flags beside those for address and data: `access-ttl: "2s"`. */
  flags?: Record<string, string>;
  /** Origins whose pages may call. */
  origins?: string[];
  /** The name that browsers know it by. Default: localhost. */
  host?: string;
  /** Whether it is reached by https. */
  tls?: boolean;
}

/** A real server on a free port, with a gate before it that can lose and count things. */
export class Watchword {
  readonly gate: Gate;
  readonly #data: string;
  readonly #settings: Settings;
  #process: ChildProcess | undefined;
  #log = "";
  #greeting = "";

  private constructor(gate: Gate, data: string, settings: Settings) {
    this.gate = gate;
    this.#data = data;
    this.#settings = settings;
  }

  static async start(settings: Settings = {}): Promise<Watchword> {
    const { host = "localhost", tls = false } = settings;
    const server = new Watchword(await openGate(host, tls), mkdtempSync(join(tmpdir(), "watchword-js-")), settings);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** What browsers call it. */
  get url(): string {
    return this.gate.url;
  }

  /** Everything it has logged. */
  get log(): string {
    return this.#log;
  }

  /** What it has told whoever started it. */
  get greeting(): string {
    return this.#greeting;
  }

  /** The folder of its data. */
  get data(): string {
    return this.#data;
  }

  async start(): Promise<void> {
    const { flags = {}, origins = [] } = this.#settings;
    const portFile = join(this.#data, "port");
    rmSync(portFile, { force: true });
    const given = { listen: "127.0.0.1:0", "port-file": portFile, data: this.#data, issuer: this.url, ...flags };
    const words = Object.entries(given).map(([name, value]) => `--${name}=${value}`);
    const started = spawn(program(), ["serve", ...words, ...origins.map((origin) => `--allow-origin=${origin}`)], {
      env: {},
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = started;
    started.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#greeting += text));
    running.add(started);
    started.stderr!.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    for (const patience = Date.now() + 60_000; !existsSync(portFile); await rest(20)) {
      if (ended(started) || Date.now() > patience) throw new Error(`watchword did not start:\n${this.#log}`);
    }
    this.gate.lead(new URL(readFileSync(portFile, "utf8").trim()));
  }

  /** Ends it: in peace, or as a power cut does. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const started = this.#process;
    if (!started || ended(started)) return;
    const gone = new Promise((resolve) => started.once("exit", resolve));
    started.kill(signal);
    await gone;
    running.delete(started);
  }

  async close(): Promise<void> {
    await this.stop("SIGKILL");
    await this.gate.close();
    rmSync(this.#data, { recursive: true, force: true });
  }

  /** Runs a command on its data, as its operator does. */
  command(...words: string[]): string {
    return this.commandWith("", ...words);
  }

  /** Runs a command that reads something. */
  commandWith(input: string, ...words: string[]): string {
    return execFileSync(program(), [...words, `--data=${this.#data}`], {
      env: {},
      encoding: "utf8",
      input,
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** Asks the API from outside any browser. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(this.gate.upstream + path, {
      method,
      headers: { "Content-Type": "application/json", ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  }

  async addUser(username: string, password = "correct horse battery"): Promise<void> {
    const { status, body } = await this.call("POST", "/api/auth/signup", {
      username,
      email: `${username}@example.org`,
      password,
    });
    if (status !== 200) throw new Error(`sign up: ${status} ${JSON.stringify(body)}`);
  }
}

/** Waits until something is so, and fails when it is not within a minute. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  for (const patience = Date.now() + 60_000; !(await so()); await rest(20)) {
    if (Date.now() > patience) throw new Error(`waited in vain for ${so}`);
  }
}

/** Real time passes. For waiting on another process only. */
export const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
