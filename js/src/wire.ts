import { RefusedError, SignedOutError, UnavailableError } from "./errors.js";
import { now } from "./time.js";

/** How a client reaches its server. */
export interface Wire {
  readonly base: string; // without a slash at the end
  readonly fetch: typeof globalThis.fetch;
  readonly timeout: number; // milliseconds
}

/** One request to the server. */
export interface Call {
  body?: unknown;
  /** An access token. */
  token?: string | undefined;
  /** The request key of a refresh. */
  key?: string;
  /** Send and accept cookies. */
  cookies?: boolean;
  signal?: AbortSignal | undefined;
}

/** The members of answers and of problems (RFC 9457) that this client reads. */
interface Members {
  code?: string;
  message?: string;
  field?: string;
  session?: string;
  reason?: string;
}

/**
 * Sends one request and reads its answer, or throws: SignedOutError if the answer
 * says that the session has ended and only then, UnavailableError for what may
 * pass, RefusedError for what will not, and the signal's reason if it aborts.
 *
 * An answer that arrives after the time-out counts as lost, whatever it is: a tab
 * that slept must not act on what was true an hour ago.
 */
export async function send<T>(wire: Wire, method: string, path: string, call: Call = {}): Promise<T> {
  const { body, token, key, cookies, signal } = call;
  const started = now();
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  const timer = setTimeout(() => stop.abort(), wire.timeout);

  let response: Response;
  let members: Members | undefined;
  try {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    response = await wire.fetch(wire.base + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: cookies ? "include" : "omit",
      cache: "no-store",
      redirect: "error", // a password or a token goes nowhere else
      signal: stop.signal,
    });
    const text = await response.text();
    try {
      members = text ? JSON.parse(text) : {};
    } catch {
      // Not ours: a proxy's page, perhaps. The status has to do.
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw stop.signal.aborted ? timedOut() : new UnavailableError("network", "The sign-in server cannot be reached.", { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
  if (signal?.aborted) throw signal.reason;
  if (now() - started > wire.timeout) throw timedOut();
  if (response.ok && members) return members as T;
  throw failure(response, members ?? {});
}

const timedOut = () => new UnavailableError("timeout", "The sign-in server did not answer in time.");

/** The error that an answer means. */
function failure(response: Response, members: Members): Error {
  const { status } = response;
  const { code = `http_${status}`, message = `The sign-in server answered ${status}.`, field, session } = members;
  const details = { status, field, reason: members.reason, retryAfter: retryAfter(response) };
  if (session === "ended") return new SignedOutError("signed_out", message, details);
  // 409 at a refresh: another tab was faster. An answer without a problem where
  // one is due is a proxy's.
  const passes = status >= 500 || status === 429 || status === 408 || (status === 409 && session === "alive") || response.ok;
  return new (passes ? UnavailableError : RefusedError)(code, message, details);
}

/**
 * The wait that an answer asks for, in milliseconds. Only the form in seconds
 * counts: a date would need a clock that is right.
 */
function retryAfter(response: Response): number | undefined {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return seconds >= 0 ? seconds * 1000 : undefined;
}
