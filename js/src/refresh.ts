import { type EndReason, SignedOutError, UnavailableError, isSignedOut, isUnavailable } from "./errors.js";
import type { Knowledge, User } from "./session.js";
import { now } from "./time.js";
import type { Held, Vault } from "./vault.js";
import { type Wire, send } from "./wire.js";

/** An answer that carries tokens. */
export interface Grant extends User {
  accessToken: string;
  expiresIn: number; // seconds
  sessionId: string;
  refreshToken?: string; // body delivery
  renewed?: boolean; // whether the refresh token is another than the one presented
}

/** How often one refresh is tried before those who wait for it are told that it failed. */
const tries = 4;
/** The first pause between two tries. Each is thrice the one before. */
const firstPause = 200;
/** The longest pause that somebody is made to wait through. */
const patience = 5_000;

/** What a refresher needs. */
export interface RefresherParts {
  wire: Wire;
  vault: Vault;
  known: Knowledge;
  byCookie: boolean;
  /** Told of every grant, and of the end of the session. */
  granted(grant: Grant, since: number): void;
  ended(reason: EndReason | undefined): void;
}

/**
 * Refresher gets new access tokens: one refresh at a time, however many wait, tried
 * again until something is certain.
 *
 *	renew ─► read the vault ─► present ─► 200               granted
 *	  ▲           ▲                   ├─► session "ended"   signed out, unless the vault holds another by now
 *	  │           └── pause, jitter ──┴─► 409, 429, 5xx, time-out, offline: still signed in
 *	  └── gives up after a few tries, and remembers until when not to ask again
 */
export class Refresher {
  readonly #parts: RefresherParts;
  #flight: Promise<void> | undefined;
  #halt = new AbortController();
  #gate: Promise<unknown> | undefined; // a sign-in or sign-out that must not be disturbed
  #notBefore = 0;
  #trouble: UnavailableError | undefined; // why
  readonly #pauses = new Set<() => void>();

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  /** Refreshes, or waits for the refresh that is under way. */
  renew(): Promise<void> {
    this.#flight ??= this.#attempt().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  /** Refreshes ahead of need, unless one is under way or failed a moment ago. */
  renewAhead(): void {
    if (!this.#flight && now() >= this.#notBefore) this.renew().catch(() => {});
  }

  /** Waits until a refresh may be sent again, and a second at least. */
  rest(): Promise<void> {
    return this.#pause(Math.max(this.#wait, 1_000));
  }

  /** Lets the next refresh be sent at once: something has changed. */
  hurry(): void {
    this.#notBefore = 0;
    for (const end of [...this.#pauses]) end();
  }

  /**
   * Abandons what is on its way, and sends nothing for a while. An answer that is
   * lost by that is given again: the request key sees to it.
   */
  stepAside(milliseconds: number): void {
    this.#notBefore = now() + milliseconds;
    this.#halt.abort();
    this.#halt = new AbortController();
  }

  /** Runs a sign-in or a sign-out, with no refresh beside it. */
  async exclusively<T>(act: () => Promise<T>): Promise<T> {
    while (this.#gate) await this.#gate;
    this.stepAside(0);
    const run = act();
    const gate = run
      .catch(() => {})
      .then(() => {
        if (this.#gate === gate) this.#gate = undefined;
      });
    this.#gate = gate;
    return run;
  }

  async #attempt(): Promise<void> {
    const { vault, known, granted, ended } = this.#parts;
    const { pass, state } = known;
    let reason: EndReason | undefined;
    for (let count = 1; ; count++) {
      if (this.#wait > patience)
        throw this.#trouble ?? new UnavailableError("busy", "The sign-in server asked to wait.", { retryAfter: this.#wait });
      if (this.#wait > 0) await this.#pause(this.#wait);
      await this.#gate;
      // Another tab, a sign-in or a sign-out was faster.
      if (known.pass && known.pass !== pass) return;
      if (known.state !== state && known.state.status === "signed-out") throw signedOut(known.state.reason);

      const { signal } = this.#halt;
      const held = await vault.load();
      try {
        if (!held) throw signedOut(undefined);
        const since = now();
        return granted(await this.present(held, signal), since);
      } catch (error) {
        if (signal.aborted) continue; // stepped aside: look again
        if (isSignedOut(error)) {
          reason ??= error.reason;
          // A loser clears nothing: another tab may have stored something newer.
          if (held && !(await vault.forget(held)) && count < tries) continue;
          ended(reason);
          throw signedOut(reason);
        }
        if (!isUnavailable(error)) throw error;
        const pause = Math.min(firstPause * 3 ** (count - 1), patience / 1.5) * (0.5 + Math.random()); // not all clients at once
        this.#notBefore = now() + Math.max(error.retryAfter ?? 0, pause);
        this.#trouble = error;
        if (count >= tries || globalThis.navigator?.onLine === false) throw error;
      }
    }
  }

  /** Presents a refresh token once, and keeps the one that replaces it. */
  async present(held: Held, signal?: AbortSignal): Promise<Grant> {
    const { wire, vault, byCookie } = this.#parts;
    const grant = byCookie
      ? await send<Grant>(wire, "POST", "/refresh", { key: held.key, cookies: true, signal })
      : await send<Grant>(wire, "POST", "/api/auth/refreshtoken", { key: held.key, body: { refreshToken: held.token }, signal });
    if (byCookie ? grant.renewed : grant.refreshToken !== held.token) await vault.replace(held, grant.refreshToken);
    if (signal?.aborted) throw signal.reason;
    return grant;
  }

  get #wait(): number {
    return Math.max(0, this.#notBefore - now());
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#pauses.add(end);
    });
  }
}

export function signedOut(reason: EndReason | undefined): SignedOutError {
  return new SignedOutError("signed_out", reason ? `The session has ended: ${reason}.` : "Nobody is signed in.", { reason });
}
