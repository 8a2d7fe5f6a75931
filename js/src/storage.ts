/**
 * Where something is kept under a name. `localStorage` is one, and so is React
 * Native's AsyncStorage.
 */
export interface KeyValueStorage {
  getItem(name: string): string | null | undefined | Promise<string | null | undefined>;
  setItem(name: string, value: string): unknown;
  removeItem(name: string): unknown;
}

/** Keeps things for as long as the page lives. */
export function memoryStorage(): KeyValueStorage {
  const items = new Map<string, string>();
  return {
    getItem: (name) => items.get(name),
    setItem: (name, value) => items.set(name, value),
    removeItem: (name) => items.delete(name),
  };
}

/** What {@link cookieStorage} may be told. */
export interface CookieStorageOptions {
  /** The cookie's name. The same as the server side reads. Default: `watchword-key`. */
  name?: string;
}

/**
 * Keeps one value in a cookie that scripts can read, for front ends whose pages
 * are rendered by a server that refreshes: both sides then send the same request
 * key. It is for cookie delivery only, where what is kept is worth nothing
 * without the HttpOnly cookie beside it.
 */
export function cookieStorage({ name = "watchword-key" }: CookieStorageOptions = {}): KeyValueStorage {
  const write = (value: string, age: number) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
  };
  return {
    getItem: () =>
      document.cookie
        .split("; ")
        .find((pair) => pair.startsWith(name + "="))
        ?.slice(name.length + 1),
    setItem: (_, value) => write(value, 34_560_000), // 400 days: browsers allow no more
    removeItem: () => write("", 0),
  };
}
