/**
 * A fetch wrapper, for libraries that take a fetch of their own: generated API
 * clients, GraphQL clients, ky, ofetch.
 *
 * @module
 */
import { addressOf, sendAuthorized } from "./authorize.js";
import type { Client } from "./client.js";

/**
 * Adds the access token to requests to the origins that the client trusts, renews
 * it, and sends the request again once, if the answer is 401. Requests to other
 * origins, and all requests while nobody is signed in, go through as they are. A
 * request that has an Authorization header keeps it.
 */
export function withAuth(client: Client, fetch: typeof globalThis.fetch = globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers ?? (typeof input === "object" && "headers" in input ? input.headers : undefined));
    const ours = client.trusts(addressOf(input)) && !headers.has("Authorization");
    const token = ours ? await client.getAccessToken({ signal: init?.signal ?? undefined }) : undefined;
    return token === undefined ? fetch(input, init) : sendAuthorized(client, fetch, token, input, init);
  };
}
