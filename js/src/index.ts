/**
 * Sign-in for front ends on a Watchword server.
 *
 *	page ─► client.fetch ─► access token fresh? ─yes─► the API
 *	                             │ no                    │ 401: expired or stale
 *	                             ▼                       ▼
 *	                     one refresh for all who wait ─► again, once
 *
 * @module
 */
export { createClient } from "./client.js";
export type { Account, CallOptions, Client, ClientOptions, Credentials, Scope, Session } from "./client.js";
export {
  RefusedError,
  SignedOutError,
  UnavailableError,
  WatchwordError,
  isSignedOut,
  isUnavailable,
  isWatchwordError,
} from "./errors.js";
export type { EndReason, ErrorDetails } from "./errors.js";
export { hasRole } from "./session.js";
export type { State, User } from "./session.js";
export { memoryStorage } from "./storage.js";
export type { KeyValueStorage } from "./storage.js";
