import { type Client, type ClientOptions, type KeyValueStorage, createClient } from "@watchword/client";
import type { Answer, FakeServer } from "./server.js";

/** What becomes of one request: how long each way takes, and what is lost. */
export interface Fate {
  there?: number;
  back?: number;
  lose?: "request" | "answer";
}

/** The network between a browser and the server. */
export type Network = () => Fate;

export const origin = "https://id.example.org";

/** A browser: one cookie jar, one localStorage and one channel that its tabs share. */
export class FakeBrowser {
  jar: string | undefined;
  cookiesBlocked = false;
  network: Network = () => ({});
  /** How long it takes until a tab sees what another wrote or said. */
  lag = 0;
  readonly server: FakeServer;
  readonly #items = new Map<string, string>();
  readonly #views = new Set<View>();
  readonly #channels = new Set<FakeChannel>();

  constructor(server: FakeServer) {
    this.server = server;
  }

  /** Opens a tab: a page with a client of its own. */
  tab(options: Partial<ClientOptions> = {}): Tab {
    const view: View = { seen: new Map(this.#items), pending: 0 };
    this.#views.add(view);
    const requests = new AbortController();
    const open = FakeBrowser.#channel(this);
    const real = globalThis.BroadcastChannel;
    globalThis.BroadcastChannel = open as unknown as typeof BroadcastChannel;
    try {
      const client = createClient({
        baseURL: origin,
        delivery: "cookie",
        shared: true,
        storage: this.#storage(view),
        fetch: (input, init) => this.fetch(String(input), init ?? {}, requests.signal),
        ...options,
      });
      return new Tab(client, () => {
        requests.abort();
        this.#views.delete(view);
        client.close();
      });
    } finally {
      globalThis.BroadcastChannel = real;
    }
  }

  /** What a thief has who copied the whole profile: everything as it is now. */
  copy(): FakeBrowser {
    const loot = new FakeBrowser(this.server);
    loot.jar = this.jar;
    for (const [name, value] of this.#items) loot.#items.set(name, value);
    return loot;
  }

  /** What is in localStorage. */
  get items(): ReadonlyMap<string, string> {
    return this.#items;
  }

  async fetch(address: string, init: RequestInit, page: AbortSignal): Promise<Response> {
    const url = new URL(address);
    const cookies = init.credentials === "include";
    const fate = this.network();
    const cookie = cookies ? this.jar : undefined;
    return new Promise<Response>((resolve, reject) => {
      let gone = false;
      const abort = () => {
        gone = true;
        if (!page.aborted) reject(init.signal!.reason);
      };
      if (page.aborted) return; // nothing runs any more in a page that is gone
      if (init.signal?.aborted) return abort();
      init.signal?.addEventListener("abort", abort);
      page.addEventListener("abort", abort);
      const lost = () => !gone && reject(new TypeError("Failed to fetch"));
      if (fate.lose === "request") return after(fate.there, lost);
      after(fate.there, () => {
        const answer = this.server.answer({
          method: init.method ?? "GET",
          path: url.pathname + url.search,
          headers: new Headers(init.headers),
          body: typeof init.body === "string" && init.body ? JSON.parse(init.body) : {},
          cookie,
        });
        after(fate.back, () => {
          if (gone) return; // the browser drops an answer that nobody waits for
          if (fate.lose === "answer") return lost();
          if (cookies && answer.cookie !== undefined && !this.cookiesBlocked) this.jar = answer.cookie || undefined;
          resolve(response(answer));
        });
      });
    });
  }

  /** localStorage as one tab sees it: its own writes at once, others' a little later. */
  #storage(view: View): KeyValueStorage {
    const write = (name: string, value: string | undefined) => {
      put(view.seen, name, value);
      view.pending++;
      const committed = this.lag ? after : (_: number, act: () => void) => act();
      committed(this.lag, () => {
        view.pending--;
        put(this.#items, name, value);
        for (const other of this.#views) {
          if (other !== view) after(this.lag, () => other.pending || put(other.seen, name, this.#items.get(name)));
          else if (!view.pending) put(view.seen, name, this.#items.get(name));
        }
      });
    };
    return {
      getItem: (name) => view.seen.get(name) ?? null,
      setItem: (name, value) => write(name, value),
      removeItem: (name) => write(name, undefined),
    };
  }

  static #channel(browser: FakeBrowser) {
    return class extends FakeChannel {
      constructor() {
        super(browser.#channels, () => browser.lag);
      }
    };
  }
}

interface View {
  readonly seen: Map<string, string>;
  pending: number;
}

/** A tab, and how to close it. */
export class Tab {
  readonly client: Client;
  readonly close: () => void;
  constructor(client: Client, close: () => void) {
    this.client = client;
    this.close = close;
  }
}

class FakeChannel {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  readonly #all: Set<FakeChannel>;
  readonly #lag: () => number;
  constructor(all: Set<FakeChannel>, lag: () => number) {
    this.#all = all;
    this.#lag = lag;
    all.add(this);
  }
  postMessage(data: unknown) {
    const copy = structuredClone(data);
    for (const other of this.#all)
      if (other !== this) after(this.#lag(), () => this.#all.has(other) && other.onmessage?.({ data: copy }));
  }
  close() {
    this.#all.delete(this);
  }
}

function after(lag: number | undefined, act: () => void): void {
  if (lag) setTimeout(act, lag);
  else queueMicrotask(act);
}

function put(map: Map<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) map.delete(name);
  else map.set(name, value);
}

export function response({ status, body, headers }: Answer): Response {
  if (status === 204) return new Response(null, { status });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(text, {
    status,
    headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json", ...headers },
  });
}
