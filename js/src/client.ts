import { addressOf, sendAuthorized } from "./authorize.js";
import { type EndReason, RefusedError, WatchwordError, isSignedOut, isUnavailable, isWatchwordError } from "./errors.js";
import { type Grant, Refresher, signedOut } from "./refresh.js";
import { Knowledge, type State, type User, userOf } from "./session.js";
import { type KeyValueStorage, memoryStorage } from "./storage.js";
import { type News, joinTabs } from "./tabs.js";
import { abortable, now } from "./time.js";
import { keyVault, sharedStorage, tokenVault } from "./vault.js";
import { type Wire, send } from "./wire.js";

/** How to make a client. */
export interface ClientOptions {
  /** Where the server is, such as `https://id.example.org`; `/` for the page's own origin. */
  baseURL: string;
  /**
   * How the refresh token travels. `cookie`: HttpOnly, out of reach of scripts;
   * right for browsers. `body`: kept in the storage; for apps that are no web pages.
   */
  delivery: "cookie" | "body";
  /**
   * Where the refresh token (body) or its request key alone (cookie) is kept.
   * Default for cookie: `localStorage`. Default for body: memory, so that a reload
   * signs out; giving `localStorage` keeps the user signed in, and lets every
   * script of the page read the token. Never `sessionStorage`: a duplicated tab
   * copies it, and two copies of one token look like theft.
   */
  storage?: KeyValueStorage;
  /**
   * Whether other tabs use the same session. Default: yes in a page, for cookie
   * delivery and for `localStorage`. On a server, where one process serves many
   * users, it must not be.
   */
  shared?: boolean;
  /** Origins, beside the server's and the page's, whose APIs get the access token. */
  resources?: readonly string[];
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch;
  /** How many milliseconds to wait for an answer of the server. Default: 10,000. */
  timeout?: number;
}

/** What every call that waits may be given. */
export interface CallOptions {
  /** Stops waiting. A refresh, for which others may wait too, goes on. */
  signal?: AbortSignal | undefined;
}

/** A name and a password. */
export type Credentials = { username: string; password: string } | { email: string; password: string };

/** A new account. */
export interface Account {
  username: string;
  email: string;
  password: string;
  roles?: readonly string[];
}

/** Which of the user's sessions a sign-out ends. */
export type Scope = "this" | "others" | "all";

/** One of the user's sessions. */
export interface Session {
  readonly id: string;
  /** The one that asks. */
  readonly current: boolean;
  readonly delivery: "body" | "cookie";
  readonly ip: string;
  readonly userAgent: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** A day, such as 2026-11-21. */
  readonly lastSeen: string;
}

/** One user's session with one server. Its functions need no `this`. */
export interface Client {
  /** What is known now. */
  readonly state: State;
  /** Who is signed in, if that is known. */
  readonly user: User | undefined;
  /** Waits until it is known whether somebody is signed in, however long the server is out of reach. */
  ready(options?: CallOptions): Promise<State>;
  /** Makes an account. It does not sign in. */
  signUp(account: Account, options?: CallOptions): Promise<User>;
  /**
   * Begins a session. Fails with RefusedError, with the code `credentials_wrong`,
   * `throttled` or `cookies_blocked` among others.
   */
  signIn(credentials: Credentials, options?: CallOptions): Promise<User>;
  /**
   * Ends this session, the user's `others`, or `all`. If it fails the user is still
   * signed in: only the server can end a session.
   */
  signOut(options?: CallOptions & { scope?: Scope }): Promise<void>;
  /** Gets a new access token now. Fails with SignedOutError or UnavailableError. */
  refresh(options?: CallOptions): Promise<void>;
  /**
   * An access token to be sent at once, or undefined if nobody is signed in. Fails
   * with UnavailableError if that cannot be known now.
   */
  getAccessToken(options?: CallOptions): Promise<string | undefined>;
  /**
   * The global fetch, with the access token: renewed, and sent again once, if the
   * answer is 401, unless that asks for the password again (RFC 9470). Fails with
   * SignedOutError if nobody is signed in, and with the code `origin_not_listed`
   * rather than give the token to a stranger.
   */
  readonly fetch: typeof globalThis.fetch;
  /** Where the user is signed in. */
  sessions(options?: CallOptions): Promise<Session[]>;
  /** Ends one of the user's sessions. */
  endSession(id: string, options?: CallOptions): Promise<void>;
  /** Changes the password. The user's other sessions end. */
  changePassword(change: { currentPassword: string; newPassword: string }, options?: CallOptions): Promise<void>;
  /** Calls the listener after each change of the state. Returns what stops that. */
  onChange(listener: (state: State) => void): () => void;
  /** Whether the access token may be sent to an address: see `resources`. */
  trusts(address: string | URL): boolean;
  /**
   * Another access token for one that a resource server refused; undefined if there
   * is none. However many ask, one refresh is sent. For adapters of other HTTP libraries.
   */
  replace(refused: string, options?: CallOptions): Promise<string | undefined>;
  /** Lets go of the other tabs and of the browser's events. */
  close(): void;
}

/** Makes a client. It sends nothing until it is asked something. */
export function createClient(options: ClientOptions): Client {
  const { delivery, timeout = 10_000, resources = [] } = options;
  const byCookie = delivery === "cookie";
  if (!byCookie && delivery !== "body") throw new TypeError('watchword: delivery must be "cookie" or "body"');
  const base = serverAddress(options.baseURL);
  const name = `watchword:${base}`;
  const inPage = typeof document !== "undefined";
  const storage = options.storage ?? (byCookie ? sharedStorage() : memoryStorage());
  const shared = options.shared ?? (inPage && (byCookie || isLocalStorage(storage)));
  const trusted = [base, ...resources].map((address) => new URL(address).origin);

  const wire: Wire = { base, timeout, fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)) };
  const vault = (byCookie ? keyVault : tokenVault)(storage, name);
  const known = new Knowledge();
  const refresher = new Refresher({
    wire,
    vault,
    known,
    byCookie,
    granted: (grant, since) => admit(grant, since, false),
    ended: depart,
  });
  const tabs = shared ? joinTabs(name, hear) : undefined;
  const online = () => refresher.hurry();
  if (inPage) globalThis.addEventListener("online", online);

  /** Takes a grant that was asked for at `since`, and shares it. */
  function admit(grant: Grant, since: number, begun: boolean): void {
    const { accessToken: token, sessionId, expiresIn } = grant;
    const life = expiresIn * 1000;
    const left = life - (now() - since);
    const user = userOf(grant);
    known.admit(token, left, life, sessionId, user);
    refresher.hurry();
    tabs?.tell({ kind: "token", token, left, life, sessionId, user, begun });
  }

  /** Takes note of the end of the session, and tells the other tabs. */
  function depart(reason: EndReason | undefined): void {
    const { sessionId } = known.state;
    known.leave(reason);
    refresher.hurry();
    tabs?.tell({ kind: "ended", sessionId, reason });
  }

  function hear(news: News): void {
    const { state, valid } = known;
    switch (news.kind) {
      case "aside":
        return refresher.stepAside(1_000);
      case "ended":
        if (news.sessionId !== state.sessionId) return;
        known.leave(news.reason);
        break;
      case "token":
        if (news.begun) refresher.stepAside(0);
        else if (state.status !== "unknown" && news.sessionId !== state.sessionId)
          return; // what we left
        else if (valid && valid.until > now() + news.left) return;
        known.admit(news.token, news.left, news.life, news.sessionId, news.user);
    }
    refresher.hurry();
  }

  async function getAccessToken({ signal }: CallOptions = {}): Promise<string | undefined> {
    const { valid } = known;
    if (valid) {
      if (now() >= valid.renewAt) refresher.renewAhead();
      return valid.token;
    }
    return known.state.status === "signed-out" ? undefined : renewed(signal);
  }

  /** The access token that a refresh gives; undefined if the session has ended. */
  async function renewed(signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      await abortable(refresher.renew(), signal);
    } catch (error) {
      if (!isSignedOut(error)) throw error;
    }
    return known.pass?.token;
  }

  async function replace(refused: string, { signal }: CallOptions = {}): Promise<string | undefined> {
    const { valid } = known;
    if (valid && valid.token !== refused) return valid.token;
    return known.state.status === "signed-out" ? undefined : renewed(signal);
  }

  async function accessToken(signal: AbortSignal | undefined): Promise<string> {
    const token = await getAccessToken({ signal });
    if (token === undefined) throw signedOut(known.state.reason);
    return token;
  }

  /** Asks the server something on behalf of the user. */
  async function ask<T>(method: string, path: string, { signal, body }: CallOptions & { body?: unknown } = {}): Promise<T> {
    const token = await accessToken(signal);
    try {
      return await send<T>(wire, method, path, { token, body, signal });
    } catch (error) {
      if (!isWatchwordError(error) || error.status !== 401) throw error;
      const another = await replace(token, { signal });
      if (another === undefined) throw signedOut(known.state.reason);
      return send<T>(wire, method, path, { token: another, body, signal });
    }
  }

  /** Signs in or out with no refresh beside it, in this tab or in another. */
  function exclusively<T>(act: () => Promise<T>): Promise<T> {
    tabs?.tell({ kind: "aside" });
    return refresher.exclusively(act);
  }

  /** Makes sure that the browser kept the cookie, by using it. */
  async function checkCookie(grant: Grant): Promise<Grant> {
    try {
      return await refresher.present((await vault.load())!);
    } catch (error) {
      if (!isSignedOut(error)) return grant; // it may well be there
      send(wire, "POST", "/api/auth/signout", { token: grant.accessToken }).catch(() => {}); // nobody could ever use it
      throw new RefusedError(
        "cookies_blocked",
        "The browser did not keep the sign-in cookie. Allow cookies for this site, and for the sign-in server.",
      );
    }
  }

  function trusts(address: string | URL): boolean {
    const { location } = globalThis;
    const { origin } = new URL(address, location?.href ?? base);
    return trusted.includes(origin) || (origin === location?.origin && origin !== "null");
  }

  return {
    get state() {
      return known.state;
    },
    get user() {
      return known.state.user;
    },
    getAccessToken,
    replace,
    onChange: (listener) => known.onChange(listener),
    trusts,

    async ready({ signal } = {}) {
      while (known.state.status === "unknown") {
        try {
          await renewed(signal);
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          await abortable(refresher.rest(), signal);
        }
      }
      return known.state;
    },

    async refresh({ signal } = {}) {
      await abortable(refresher.renew(), signal);
    },

    async signUp(account, { signal } = {}) {
      return userOf(await send<User>(wire, "POST", "/api/auth/signup", { body: account, signal }));
    },

    signIn: (credentials, { signal } = {}) =>
      exclusively(async () => {
        const since = now();
        const path = byCookie ? "/login" : "/api/auth/signin";
        const grant = await send<Grant>(wire, "POST", path, { body: credentials, cookies: byCookie, signal });
        await vault.begin(grant.refreshToken);
        admit(byCookie ? await checkCookie(grant) : grant, since, true);
        return known.pass!.user;
      }),

    signOut: ({ scope = "this", signal } = {}) =>
      exclusively(async () => {
        const held = await vault.load();
        const query = scope === "this" ? "" : `?scope=${scope}`;
        let over = scope !== "others";
        try {
          if (byCookie) await send(wire, "POST", `/logout${query}`, { cookies: true, signal });
          else if (held) await send(wire, "POST", `/api/auth/signout${query}`, { body: { refreshToken: held.token }, signal });
        } catch (error) {
          if (!isSignedOut(error)) over = false;
          if (!isSignedOut(error) || scope !== "this") throw error; // the others were not ended
        } finally {
          if (over) {
            if (held) await vault.forget(held);
            depart("signed_out");
          }
        }
      }),

    async fetch(input, init) {
      const address = addressOf(input);
      if (!trusts(address)) {
        throw new WatchwordError(
          "origin_not_listed",
          `The access token is not for ${new URL(address).origin}. If it should be, list it in "resources".`,
        );
      }
      const token = await accessToken(init?.signal ?? undefined);
      return sendAuthorized({ replace }, wire.fetch, token, input, init);
    },

    async sessions(options) {
      return (await ask<{ sessions: Session[] }>("GET", "/api/auth/sessions", options)).sessions;
    },

    async endSession(id, options) {
      await ask("DELETE", `/api/auth/sessions/${encodeURIComponent(id)}`, options);
      if (id === known.state.sessionId) depart("signed_out");
    },

    async changePassword(body, options) {
      await ask("PUT", "/api/auth/password", { ...options, body });
      known.pass = undefined; // it is stale now
    },

    close() {
      tabs?.close();
      if (inPage) globalThis.removeEventListener("online", online);
    },
  };
}

/** Checks the server's address and writes it without a slash at the end. */
function serverAddress(text: string): string {
  let url: URL;
  try {
    url = new URL(text, globalThis.location?.href);
  } catch {
    throw new TypeError(`watchword: baseURL must be the address of a server, such as https://id.example.org, not "${text}"`);
  }
  const here = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && here)) {
    throw new TypeError(`watchword: baseURL must begin with https://, or passwords and tokens would travel in clear: "${text}"`);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function isLocalStorage(storage: KeyValueStorage): boolean {
  try {
    return storage === globalThis.localStorage;
  } catch {
    return false;
  }
}
