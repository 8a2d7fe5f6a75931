/** Why a session ended, as the server says it. New words may be added. */
export type EndReason =
  | "signed_out"
  | "ended_by_user"
  | "ended_by_admin"
  | "password_changed"
  | "user_blocked"
  | "reuse_detected"
  | "too_many_sessions"
  | "superseded"
  | "expired"
  | "idle"
  | "unknown"
  | (string & {});

/** What an error tells beside its message. */
export interface ErrorDetails {
  /** The HTTP status, if there was an answer. */
  status?: number | undefined;
  /** The field of the request that is wrong. */
  field?: string | undefined;
  /** How many milliseconds to wait before trying again. */
  retryAfter?: number | undefined;
  /** Why the session ended. */
  reason?: EndReason | undefined;
  cause?: unknown;
}

/**
 * The base of every error of this package. `code` is stable and for programs;
 * `message` is for people. No error holds a token, a password or a key.
 */
export class WatchwordError extends Error {
  /** Set here, not taken from the class: bundlers rename classes. */
  override readonly name: string = "WatchwordError";
  readonly code: string;
  readonly status: number | undefined;
  readonly field: string | undefined;
  readonly retryAfter: number | undefined;
  readonly reason: EndReason | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.reason = details.reason;
  }
}

/** The server understood, and said no: a wrong password, a taken name, a missing role. */
export class RefusedError extends WatchwordError {
  override readonly name = "RefusedError";
}

/**
 * It could not be done now, and may be later: offline, time-out, a server that is
 * busy. **The user is still signed in.**
 */
export class UnavailableError extends WatchwordError {
  override readonly name = "UnavailableError";
}

/** Nobody is signed in: nobody has been, or the session has ended (see `reason`). */
export class SignedOutError extends WatchwordError {
  override readonly name = "SignedOutError";
}

/**
 * Reports whether a value is an error of this package, by its name: two copies of
 * the package may be loaded, and `instanceof` knows only one of them.
 */
export function isWatchwordError(value: unknown): value is WatchwordError {
  return value instanceof Error && /^(Watchword|Refused|Unavailable|SignedOut)Error$/.test(value.name) && "code" in value;
}

export function isUnavailable(value: unknown): value is UnavailableError {
  return value instanceof Error && value.name === "UnavailableError";
}

export function isSignedOut(value: unknown): value is SignedOutError {
  return value instanceof Error && value.name === "SignedOutError";
}
