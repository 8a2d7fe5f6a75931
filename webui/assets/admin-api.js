// Asks the API. What gives power or destroys needs a password that was given
// lately: then the user is asked for it, and the request is sent once more.
import { askPassword } from "./admin-dialog.js";
import { t } from "./admin-ui.js";
import { base, client, explain as explainShared } from "./page.js";

/** What an error means, in words. */
export function explain(error) {
  return t(`problem.${error.code}`) ?? explainShared(error);
}

/** Sends a request and returns what was answered, or throws what the answer says. */
export async function ask(method, path, { body, query, signal } = {}) {
  const send = () => request(method, address(path, query), body, signal);
  try {
    return await read(await send());
  } catch (error) {
    if (error.code !== "insufficient_user_authentication") throw error;
    await askPassword();
    return read(await send());
  }
}

/** Gets a file, and the name that the server gives it. */
export async function download(path, { query, signal } = {}) {
  const answer = await request("GET", address(path, query), undefined, signal);
  if (!answer.ok) await read(answer);
  let content;
  try {
    content = await answer.blob();
  } catch (cause) {
    throw problem("network", "", { cause }); // it was cut
  }
  const [, name = "watchword"] = /filename="([\w.-]+)"/.exec(answer.headers.get("Content-Disposition") ?? "") ?? [];
  return { name, content };
}

function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return base + path + (text && `?${text}`);
}

async function request(method, target, body, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await client.fetch(target, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit", // the access token is enough: no request that acts goes by the cookie
      redirect: "error",
      signal,
    });
  } catch (error) {
    if (signal?.aborted || error.name !== "TypeError") throw error;
    throw problem("network", "", { cause: error });
  }
}

async function read(answer) {
  const text = await answer.text().catch((cause) => {
    throw problem("network", "", { cause });
  });
  let members = {};
  try {
    members = text ? JSON.parse(text) : {};
  } catch {
    // Not ours: a proxy's page, perhaps. The status has to do.
    if (answer.ok) throw problem("unavailable", "");
  }
  if (answer.ok) return members;
  const seconds = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  throw problem(members.code ?? "unavailable", members.message ?? "", {
    field: members.field,
    status: answer.status,
    retryAfter: seconds >= 0 ? seconds * 1000 : undefined,
  });
}

function problem(code, message, { cause, ...more } = {}) {
  return Object.assign(new Error(message, { cause }), { code, ...more });
}
