import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { createServerAuth } from "@watchword/client/server";
import { response } from "../support/browser.js";
import { type Answer, FakeServer, problem } from "../support/server.js";

/** A browser that only navigates: it sends its cookies, and keeps those it is given. */
class Browser {
  readonly jar = new Map<string, string>();
  get headers(): Record<string, string> {
    return { cookie: [...this.jar].map(([name, value]) => `${name}=${value}`).join("; "), "user-agent": "Lynx" };
  }
  keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [pair, ...attributes] = cookie.split("; ");
      const [name, value] = pair!.split("=");
      if (attributes.includes("Max-Age=0")) this.jar.delete(name!);
      else this.jar.set(name!, value!);
    }
  }
}

describe("a server that renders", () => {
  let clock: number;
  let server: FakeServer;
  let browser: Browser;
  let network: (answer: Answer) => Answer | "lost";

  const auth = createServerAuth({
    baseURL: "http://watchword.internal:8080/",
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const cookie = headers.get("Cookie")?.match(/^watchword-dev=(.*)$/)?.[1]; // and no other cookie
      const answer = network(
        server.answer({ method: init!.method!, path: new URL(String(input)).pathname, headers, body: {}, cookie }),
      );
      if (answer === "lost") throw new TypeError("fetch failed");
      const reply = response(answer);
      if (answer.cookie !== undefined)
        reply.headers.append(
          "Set-Cookie",
          `watchword-dev=${answer.cookie}; Path=/; HttpOnly${answer.cookie ? "" : "; Max-Age=0"}`,
        );
      return reply;
    },
  });
  const navigate = (more: Record<string, string> = {}) => auth.navigate({ headers: { ...browser.headers, ...more } });

  beforeEach(async () => {
    clock = 1_000_000;
    network = (answer) => answer;
    server = new FakeServer(() => clock);
    server.addUser("ada", "correct horse");
    browser = new Browser();
    const { cookie } = server.answer({
      method: "POST",
      path: "/login",
      headers: new Headers(),
      body: { username: "ada", password: "correct horse" },
      cookie: undefined,
    });
    browser.jar.set("theme", "dark").set("watchword-dev", cookie!).set("watchword-key", "0123456789abcdef");
    server.arrivals.length = 0;
  });

  test("knows who navigates, and hands on the cookie and a new key", async () => {
    clock += 60_000;
    const page = await navigate();
    assert.equal(page.status, "signed-in");
    assert.equal(page.user?.username, "ada");
    assert.ok(page.accessToken);
    assert.match(page.setCookie[0]!, /^watchword-dev=.+\.2\.cookie; Path=\/; HttpOnly$/);
    assert.match(page.setCookie[1]!, /^watchword-key=[0-9a-f]{32}; Path=\/; Max-Age=34560000; SameSite=Lax$/);
  });

  test("by https the key's cookie is Secure", async () => {
    const page = await auth.navigate({ headers: { cookie: "__Host-Http-watchword=x" } });
    assert.match(page.setCookie[0]!, /^watchword-key=.*; Secure$/);
  });

  test("a young token stays, and so does its key", async () => {
    assert.deepEqual((await navigate()).setCookie, []);
  });

  test("a navigation that was broken off is made again days later", async () => {
    clock += 60_000;
    await navigate(); // the browser never sees the answer
    clock += 3 * 86_400_000;
    const page = await navigate();
    assert.equal(page.status, "signed-in");
    assert.deepEqual(server.verdicts, ["rotate", "replay"]);
    browser.keep(page.setCookie);
    clock += 60_000;
    assert.equal((await navigate()).status, "signed-in");
    assert.deepEqual(server.verdicts, ["rotate", "replay", "rotate"]);
  });

  test("all that is rendered at once costs one refresh", async () => {
    clock += 60_000;
    const pages = await Promise.all(Array.from({ length: 18 }, () => navigate()));
    assert.ok(pages.every(({ status }) => status === "signed-in"));
    assert.equal(server.arrivals.length, 1);
  });

  test("a prefetch refreshes nothing", async () => {
    for (const header of [{ "sec-purpose": "prefetch;prerender" }, { purpose: "prefetch" }, { "next-router-prefetch": "1" }]) {
      assert.deepEqual(await navigate(header as Record<string, string>), { status: "unknown", setCookie: [] });
    }
    assert.equal(server.arrivals.length, 0);
  });

  test("without a key nothing is sent before the browser has one", async () => {
    for (const jar of [undefined, "short", "not;allowed in a header\r\n"]) {
      if (jar) browser.jar.set("watchword-key", jar);
      else browser.jar.delete("watchword-key");
      const page = await navigate();
      assert.equal(page.again, true);
      assert.equal(server.arrivals.length, 0);
      browser.keep(page.setCookie);
      assert.equal((await navigate()).status, "signed-in");
      server.arrivals.length = 0;
    }
  });

  test("a stranger costs no request", async () => {
    browser.jar.delete("watchword-dev");
    assert.deepEqual(await navigate(), { status: "signed-out", setCookie: [] });
    assert.equal(server.arrivals.length, 0);
  });

  test("the end of the session is known, with its reason, and the cookie removed", async () => {
    server.end("ended_by_admin");
    const page = await navigate();
    assert.equal(page.status, "signed-out");
    assert.equal(page.reason, "ended_by_admin");
    browser.keep(page.setCookie);
    assert.ok(!browser.jar.has("watchword-dev"));
  });

  test("an answer that is lost on the way here is asked for again with the same key", async () => {
    clock += 60_000;
    let losses = 1;
    network = (answer) => (losses-- > 0 ? "lost" : answer);
    assert.equal((await navigate()).status, "signed-in");
    assert.deepEqual(server.verdicts, ["rotate", "replay"]);
  });

  test("a server that is out of order signs nobody out", async () => {
    for (const trouble of [problem(503, "busy", { session: "alive" }), problem(409, "refresh_straggler", { session: "alive" })]) {
      network = () => trouble;
      assert.deepEqual(await navigate(), { status: "unknown", setCookie: [] });
    }
    network = () => "lost";
    assert.deepEqual(await navigate(), { status: "unknown", setCookie: [] });
  });

  test("only the sign-in cookie is handed to the sign-in server, and who the browser is", async () => {
    await auth.navigate({ headers: new Headers(browser.headers) }, { ip: "192.0.2.7" });
    const { headers } = server.arrivals[0]!;
    assert.ok(!headers.get("Cookie")!.includes("theme"));
    assert.equal(headers.get("User-Agent"), "Lynx");
    assert.equal(headers.get("X-Forwarded-For"), "192.0.2.7");
  });

  test("two users who navigate at once stay two", async () => {
    server.addUser("bob", "battery staple");
    const other = new Browser();
    const { cookie } = server.answer({
      method: "POST",
      path: "/login",
      headers: new Headers(),
      body: { username: "bob", password: "battery staple" },
      cookie: undefined,
    });
    other.jar.set("watchword-dev", cookie!).set("watchword-key", "0123456789abcdef");
    const [ada, bob] = await Promise.all([navigate(), auth.navigate({ headers: other.headers })]);
    assert.deepEqual([ada?.user?.username, bob?.user?.username], ["ada", "bob"]);
  });
});
