// Sends what needs no access token: a code is what lets it through.
import { base } from "./page.js";

/** Sends a JSON object, and returns the answer or throws what it says: { code, message, field }. */
export async function post(path, body) {
  let response;
  try {
    response = await fetch(base + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(15_000),
    });
  } catch (cause) {
    throw Object.assign(new Error("not sent", { cause }), { code: cause.name === "TimeoutError" ? "timeout" : "network" });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const { code = "unavailable", message = "", field } = answer;
  throw Object.assign(new Error(message), { code, field, retryAfter: seconds >= 0 ? seconds * 1000 : undefined });
}
