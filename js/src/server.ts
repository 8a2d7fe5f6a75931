/**
 * For servers that render pages: refreshes once per navigation, and says what to
 * hand on to the browser.
 *
 * The refresh token is in the browser's cookie, and its request key has to be in
 * the browser too, before the refresh is sent: a navigation may be broken off after
 * the server rotated, and the next one must be recognised as its retry. So the key
 * is a cookie beside the other, which scripts of the page share (see
 * `cookieStorage` in `@watchword/client/storage`).
 *
 * @module
 */
import { type EndReason, isSignedOut, isUnavailable } from "./errors.js";
import type { Grant } from "./refresh.js";
import { type User, userOf } from "./session.js";
import { newKey } from "./vault.js";
import { send } from "./wire.js";

/** How to make a {@link ServerAuth}. */
export interface ServerAuthOptions {
  /** Where this server reaches the sign-in server; it may be an internal address. */
  baseURL: string;
  /** The name of the cookie that holds the request key. Default: `watchword-key`. */
  keyCookie?: string;
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch;
  /** How many milliseconds to wait for an answer. Default: 5,000. */
  timeout?: number;
}

/** The request of a browser: of the Fetch API, or of Node. */
export interface NavigationRequest {
  readonly headers: Headers | Readonly<Record<string, string | string[] | undefined>>;
}

/** What is known about a navigation, and what the browser must be told. */
export interface Navigation {
  /** `unknown`: it could not be found out now, or need not be; do not send anybody to the sign-in page for it. */
  readonly status: "signed-in" | "signed-out" | "unknown";
  readonly user?: User;
  /** For calls on behalf of the user while rendering. Never write it into the page. */
  readonly accessToken?: string;
  /** Why the session ended, if it has. */
  readonly reason?: EndReason | undefined;
  /** Values of Set-Cookie headers, to be added to the answer whatever it is. */
  readonly setCookie: readonly string[];
  /** Answer with a redirect (307) to the same address: the cookies must be there first. */
  readonly again?: true;
}

/** Refreshes on behalf of browsers. */
export interface ServerAuth {
  /**
   * Refreshes for a navigation. Call it once per navigation and hand its result to
   * all that render. A prefetch refreshes nothing. `ip` is the browser's address,
   * for its list of sessions; the sign-in server must trust this one as a proxy.
   * Fails with RefusedError if this server is not set up right.
   */
  navigate(request: NavigationRequest, options?: { ip?: string | undefined }): Promise<Navigation>;
}

const tokenCookies = ["__Host-Http-watchword", "watchword-dev"];

/** Makes a {@link ServerAuth}. It holds no session: one serves all requests of a process. */
export function createServerAuth(options: ServerAuthOptions): ServerAuth {
  const { keyCookie = "watchword-key", timeout = 5_000, fetch = (...request) => globalThis.fetch(...request) } = options;
  const base = options.baseURL.replace(/\/+$/, "");
  const flights = new Map<string, Promise<Navigation>>(); // of navigations that ask at the same time

  // By https there is the one cookie, by plain http on one's own machine the other.
  const keep = (beside: string) =>
    `${keyCookie}=${newKey()}; Path=/; Max-Age=34560000; SameSite=Lax${beside === tokenCookies[0] ? "; Secure" : ""}`;

  async function refresh(name: string, cookie: string, key: string, about: Record<string, string>): Promise<Navigation> {
    let setCookie: string[] = [];
    const through: typeof globalThis.fetch = async (address, init) => {
      const response = await fetch(address, {
        ...init,
        headers: { ...(init?.headers as Record<string, string>), ...about, Cookie: cookie },
      });
      setCookie = response.headers.getSetCookie();
      return response;
    };
    for (let tries = 2; ; tries--) {
      try {
        const grant = await send<Grant>({ base, timeout, fetch: through }, "POST", "/refresh", { key });
        if (grant.renewed) setCookie.push(keep(name));
        return { status: "signed-in", user: userOf(grant), accessToken: grant.accessToken, setCookie };
      } catch (error) {
        if (isSignedOut(error)) return { status: "signed-out", reason: error.reason, setCookie };
        if (!isUnavailable(error)) throw error;
        if (tries === 1 || error.retryAfter) return { status: "unknown", setCookie };
      }
    }
  }

  return {
    async navigate({ headers }, { ip } = {}) {
      const header = (name: string) =>
        (headers instanceof Headers ? headers.get(name) : [headers[name]].flat().join("; ")) || undefined;
      const jar = readCookies(header("cookie"));
      const name = tokenCookies.find((name) => jar.has(name));
      if (!name) return { status: "signed-out", setCookie: [] };
      if (/prefetch/.test(header("sec-purpose") ?? header("purpose") ?? "") || header("next-router-prefetch"))
        return { status: "unknown", setCookie: [] };
      const key = jar.get(keyCookie);
      if (!key || !/^[\w-]{16,128}$/.test(key)) return { status: "unknown", setCookie: [keep(name)], again: true };

      const cookie = `${name}=${jar.get(name)}`;
      const about: Record<string, string> = {};
      const agent = header("user-agent");
      if (agent) about["User-Agent"] = agent;
      if (ip) about["X-Forwarded-For"] = ip;
      const asked = `${cookie} ${key}`;
      let flight = flights.get(asked);
      if (!flight) {
        flight = refresh(name, cookie, key, about).finally(() => flights.delete(asked));
        flights.set(asked, flight);
      }
      return flight;
    },
  };
}

/** Reads a Cookie header. The first of a name counts, as in Watchword. */
function readCookies(header: string | undefined): Map<string, string> {
  const jar = new Map<string, string>();
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim();
    if (at > 0 && !jar.has(name)) jar.set(name, pair.slice(at + 1).trim());
  }
  return jar;
}
