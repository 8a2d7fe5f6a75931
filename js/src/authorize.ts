import type { Client } from "./client.js";

/** Sends a request with an access token, which is renewed once if it is refused. */
export async function sendAuthorized(
  client: Pick<Client, "replace">,
  fetch: typeof globalThis.fetch,
  token: string,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Promise<Response> {
  const request = isRequest(input) ? input : undefined;
  const once = init?.body instanceof ReadableStream; // gone when it has been sent
  const attempt = (target: RequestInfo | URL, token: string) => {
    const headers = new Headers(init?.headers ?? request?.headers);
    headers.set("Authorization", `Bearer ${token}`);
    return fetch(target, { ...init, headers });
  };
  const response = await attempt(request ? request.clone() : input, token);
  if (response.status !== 401 || once || wantsPassword(response.headers.get("WWW-Authenticate"))) return response;
  const another = await client.replace(token, { signal: init?.signal ?? request?.signal ?? undefined });
  if (another === undefined) return response;
  await response.body?.cancel();
  return attempt(input, another);
}

/**
 * Whether a 401 asks for the password again (RFC 9470), which no new access token
 * can stand for: the page asks the user, and signs in.
 */
export function wantsPassword(challenge: string | null | undefined): boolean {
  return challenge?.includes("insufficient_user_authentication") ?? false;
}

/** The address of a request. */
export function addressOf(input: RequestInfo | URL): string {
  return isRequest(input) ? input.url : String(input);
}

function isRequest(input: RequestInfo | URL): input is Request {
  return typeof input === "object" && "clone" in input;
}
