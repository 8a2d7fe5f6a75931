import type { EndReason } from "./errors.js";
import { now } from "./time.js";

/** Who is signed in. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** In plain: `user`, `admin`. */
  readonly roles: readonly string[];
}

/** What is known of the session. The object is replaced when something in it changes, and only then. */
export type State =
  /** The server has not been asked yet, or could not be. */
  | { readonly status: "unknown"; readonly user?: undefined; readonly sessionId?: undefined; readonly reason?: undefined }
  | { readonly status: "signed-in"; readonly user: User; readonly sessionId: string; readonly reason?: undefined }
  /** `reason` says why, if a session has ended. */
  | {
      readonly status: "signed-out";
      readonly user?: undefined;
      readonly sessionId?: undefined;
      readonly reason?: EndReason | undefined;
    };

/** The user in an answer. Sign-in and refresh write ROLE_ADMIN where all else says admin. */
export function userOf({ id, username, email, roles }: User): User {
  return { id, username, email, roles: roles.map(plain) };
}

/** Reports whether a user has a role, in either spelling: `admin` or `ROLE_ADMIN`. */
export function hasRole(user: User | undefined, role: string): boolean {
  return user?.roles.includes(plain(role)) ?? false;
}

const plain = (role: string) => role.replace(/^ROLE_(.*)/, (_, name: string) => name.toLowerCase());

/** An access token and whose it is. */
export interface Pass {
  readonly token: string;
  readonly sessionId: string;
  readonly user: User;
  /** On the clock of this page: when it expires, and when to renew it ahead of that. */
  readonly until: number;
  readonly renewAt: number;
}

/** What this page knows of the session: in memory, and nowhere else. */
export class Knowledge {
  state: State = { status: "unknown" };
  pass: Pass | undefined;
  readonly #listeners = new Set<(state: State) => void>();

  /** Takes an access token that is good for `left` milliseconds of its `life`. */
  admit(token: string, left: number, life: number, sessionId: string, user: User): void {
    const until = now() + left;
    // A tenth of its life ahead, at most a minute: a renewal that fails can be
    // tried again before anybody notices.
    this.pass = { token, sessionId, user, until, renewAt: until - Math.min(life / 10, 60_000) };
    this.#become({ status: "signed-in", user, sessionId });
  }

  leave(reason: EndReason | undefined): void {
    this.pass = undefined;
    // Who comes later knows less: the cookie, and with it the reason, is gone.
    this.#become({ status: "signed-out", reason: reason ?? this.state.reason });
  }

  /** The access token, if it has not expired. */
  get valid(): Pass | undefined {
    return this.pass && now() < this.pass.until ? this.pass : undefined;
  }

  onChange(listener: (state: State) => void): () => void {
    // Its own function, so that one listener may be added twice.
    const added = (state: State) => listener(state);
    this.#listeners.add(added);
    return () => this.#listeners.delete(added);
  }

  #become(next: State): void {
    if (JSON.stringify(next) === JSON.stringify(this.state)) return;
    this.state = next;
    for (const listener of [...this.#listeners]) listener(next);
  }
}
