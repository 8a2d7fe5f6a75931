import { type KeyValueStorage, memoryStorage } from "./storage.js";

/** What a session's next refresh is sent with. */
export interface Held {
  /** The refresh token; absent where it travels in a cookie, which scripts cannot read. */
  readonly token?: string | undefined;
  /** The request key that belongs to it. */
  readonly key: string;
}

/**
 * Vault keeps what the next refresh is sent with, in a storage that the tabs of a
 * browser share.
 *
 * A request key belongs to one refresh token. Both are replaced in the same
 * moment, so the key is in the storage before the token is ever sent:
 *
 *	token g, key k ──► the server rotates, and remembers k ──► token g+1, key k′
 *	           ▲                │ the answer is lost
 *	           └────────────────┘ sent again: the same k, the same answer
 *
 * A key that is replaced too early makes a retry look like theft; one that is kept
 * too long only makes a thief who copied the whole storage harder to notice. So it
 * is replaced only when the answer proves that the token was.
 */
export interface Vault {
  /** What to send; undefined if there is no session. */
  load(): Promise<Held | undefined>;
  /** Keeps a new session's token. */
  begin(token: string | undefined): Promise<void>;
  /**
   * Takes the token that replaced the one of `held`; undefined if it travels in a
   * cookie. Does nothing if another tab has done it already: what it stored may be newer.
   */
  replace(held: Held, successor: string | undefined): Promise<void>;
  /** Forgets the session of `held`, unless another tab holds something newer; tells whether it did. */
  forget(held: Held): Promise<boolean>;
}

/** A vault for the refresh token itself: body delivery. */
export function tokenVault(storage: KeyValueStorage, name: string): Vault {
  const load = async (): Promise<Held | undefined> => {
    const text = await storage.getItem(name);
    if (!text) return undefined;
    try {
      const held: Partial<Held> = JSON.parse(text);
      return held.token && held.key ? { token: held.token, key: held.key } : undefined;
    } catch {
      return undefined; // somebody else's
    }
  };
  const begin = async (token: string | undefined) => {
    // One item, so that no tab reads a token with another's key.
    await storage.setItem(name, JSON.stringify({ token, key: newKey() }));
  };
  const current = async (held: Held) => (await load())?.token === held.token;
  return {
    load,
    begin,
    async replace(held, successor) {
      if (await current(held)) await begin(successor);
    },
    async forget(held) {
      const ours = await current(held);
      if (ours) await storage.removeItem(name);
      return ours || !(await load());
    },
  };
}

/** A vault for the request key alone: cookie delivery. */
export function keyVault(storage: KeyValueStorage, name: string): Vault {
  let last: string | undefined; // outlives a storage that is emptied
  const begin = async (key = newKey()) => {
    last = key;
    try {
      await storage.setItem(name, last);
    } catch {
      // It is full. The key that is there stays in use, which is safe.
    }
  };
  const current = async (held: Held) => ((await storage.getItem(name)) || last) === held.key;
  return {
    // Whether there is a session only the server can tell.
    async load() {
      const stored = await storage.getItem(name);
      if (stored) last = stored;
      else await begin(last);
      return { key: last! };
    },
    begin: () => begin(),
    async replace(held) {
      if (await current(held)) await begin();
    },
    forget: current, // the next session brings a key of its own
  };
}

/** 128 random bits. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The browser's storage that all tabs share, or memory where there is none. */
export function sharedStorage(): KeyValueStorage {
  try {
    const storage = globalThis.localStorage;
    const probe = "watchword:probe";
    storage.setItem(probe, probe); // throws where it is blocked or full
    storage.removeItem(probe);
    return storage;
  } catch {
    return memoryStorage();
  }
}
