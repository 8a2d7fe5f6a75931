import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { attach } from "@watchword/client/axios";
import { withAuth } from "@watchword/client/fetch";
import { authGuard } from "@watchword/client/vue";
import axios, { AxiosError, type AxiosInstance } from "axios";
import type { RouteLocationNormalized } from "vue-router";
import { FakeBrowser, type Tab, origin } from "../support/browser.js";
import { FakeServer } from "../support/server.js";
import { FakeTime } from "../support/time.js";

const ada = { username: "ada", password: "correct horse" };

let time: FakeTime;
let server: FakeServer;
let browser: FakeBrowser;
let tab: Tab;
beforeEach(() => {
  time = new FakeTime();
  server = new FakeServer(() => time.now);
  server.addUser("ada", "correct horse");
  browser = new FakeBrowser(server);
  tab = browser.tab();
});
afterEach(() => time.restore());

const never = new AbortController().signal;
/** What a dangerous act is answered if the password was given long ago (RFC 9470). */
const asksForPassword = {
  status: 401,
  body: { code: "insufficient_user_authentication" },
  headers: { "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="900"' },
};
const tokensSent = () =>
  server.arrivals.filter(({ path }) => path.startsWith("/orders")).map(({ headers }) => headers.get("Authorization"));

describe("axios", () => {
  let api: AxiosInstance;
  beforeEach(() => {
    api = axios.create({
      baseURL: origin,
      // The browser's network, in place of XMLHttpRequest.
      adapter: async (config) => {
        const answer = await browser.fetch(
          api.getUri(config),
          { method: config.method!.toUpperCase(), headers: { ...config.headers } as Record<string, string>, body: config.data },
          never,
        );
        const headers = Object.fromEntries(answer.headers);
        const response = { data: await answer.json(), status: answer.status, statusText: "", headers, config };
        if (!answer.ok) throw new AxiosError("refused", undefined, config, undefined, response);
        return response;
      },
    });
    attach(api, tab.client);
  });

  test("sends the access token, and what was posted again with a new one", async () => {
    await tab.client.signIn(ada);
    server.users.get("ada")!.epoch++;
    const { data } = await api.post("/orders", { item: "lamp" });
    assert.deepEqual(data.echo, { item: "lamp" });
    const [first, second] = tokensSent();
    assert.ok(first && second && first !== second);
  });

  test("ten requests that are refused at once send one refresh", async () => {
    await tab.client.signIn(ada);
    server.arrivals.length = 0;
    server.users.get("ada")!.epoch++;
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.get("/orders")));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(server.count("/refresh"), 1);
  });

  test("a request that is refused again fails with its 401", async () => {
    await tab.client.signIn(ada);
    server.interfere = ({ path }) => (path === "/orders" ? { status: 401, body: {} } : undefined);
    await assert.rejects(api.get("/orders"), (error: AxiosError) => error.response?.status === 401);
    assert.equal(tokensSent().length, 2);
  });

  test("a 401 that asks for the password again is handed on: no refresh, no second try", async () => {
    await tab.client.signIn(ada);
    server.arrivals.length = 0;
    server.interfere = ({ path }) => (path === "/orders" ? asksForPassword : undefined);
    await assert.rejects(api.get("/orders"), (error: AxiosError) => error.response?.status === 401);
    assert.deepEqual([tokensSent().length, server.count("/refresh")], [1, 0]);
    assert.equal(tab.client.state.status, "signed-in");
  });

  test("when the session has ended, the 401 is handed on", async () => {
    await tab.client.signIn(ada);
    server.end("user_blocked");
    await assert.rejects(api.get("/orders"), (error: AxiosError) => error.response?.status === 401);
    assert.equal(tab.client.state.reason, "user_blocked");
  });

  test("nobody signed in, another origin, a header of its own: left alone", async () => {
    await tab.client.ready();
    await assert.rejects(api.get("/orders"), { name: "AxiosError" });
    await tab.client.signIn(ada);
    await assert.rejects(api.get("https://elsewhere.example/orders"));
    await assert.rejects(api.get("/orders", { headers: { Authorization: "Basic x" } }));
    assert.deepEqual(tokensSent(), [null, null, "Basic x"]);
  });

  test("can be undone", async () => {
    await tab.client.signIn(ada);
    const plain = axios.create(api.defaults as never);
    attach(plain, tab.client)();
    await assert.rejects(plain.get("/orders"));
    assert.deepEqual(tokensSent(), [null]);
  });
});

describe("a wrapped fetch", () => {
  const wrap = () =>
    withAuth(tab.client, (input, init) =>
      browser.fetch(typeof input === "object" && "url" in input ? input.url : String(input), init ?? {}, never),
    );

  test("sends the access token, renewed if need be", async () => {
    await tab.client.signIn(ada);
    server.users.get("ada")!.epoch++;
    assert.equal((await wrap()(`${origin}/orders`)).status, 200);
    assert.equal((await wrap()(new Request(`${origin}/orders`))).status, 200);
  });

  test("hands on a 401 that asks for the password again: no refresh, no second try", async () => {
    await tab.client.signIn(ada);
    server.arrivals.length = 0;
    server.interfere = ({ path }) => (path === "/orders" ? asksForPassword : undefined);
    for (const send of [wrap(), tab.client.fetch]) {
      const answer = await send(`${origin}/orders`);
      assert.equal((await answer.json()).code, "insufficient_user_authentication");
    }
    assert.deepEqual([tokensSent().length, server.count("/refresh")], [2, 0]);
    // The user gives the password: the session is another, and the tabs share it.
    const other = browser.tab();
    await other.client.ready();
    await tab.client.signIn(ada);
    server.interfere = undefined;
    assert.equal((await tab.client.fetch(`${origin}/orders`)).status, 200);
    assert.equal((await other.client.fetch(`${origin}/orders`)).status, 200);
    assert.equal(other.client.state.sessionId, tab.client.state.sessionId);
  });

  test("leaves alone what is not its business", async () => {
    await tab.client.ready();
    assert.equal((await wrap()(`${origin}/orders`)).status, 401);
    await tab.client.signIn(ada);
    await wrap()("https://elsewhere.example/orders");
    await wrap()(`${origin}/orders`, { headers: { authorization: "Basic x" } });
    await wrap()(new Request(`${origin}/orders`, { headers: { authorization: "Basic y" } }));
    assert.deepEqual(tokensSent().slice(0, 3), [null, null, "Basic x"]);
    assert.ok(!tokensSent().at(-1)?.startsWith("Bearer"));
  });
});

describe("a guard of Vue Router", () => {
  const visit = (auth?: boolean | string) =>
    (
      authGuard(tab.client, { signIn: "/sign-in", forbidden: "/no" }) as (
        to: Partial<RouteLocationNormalized>,
      ) => Promise<unknown>
    )({
      meta: auth === undefined ? {} : { auth },
      fullPath: "/orders?page=2",
    });

  test("lets everybody through to what is public, and asks nothing for that", async () => {
    assert.equal(await visit(), true);
    assert.equal(server.arrivals.length, 0);
  });

  test("sends strangers to the sign-in page, and remembers where they were going", async () => {
    assert.deepEqual(await visit(true), { path: "/sign-in", query: { returnTo: "/orders?page=2" } });
  });

  test("lets the right people through", async () => {
    await tab.client.signIn(ada);
    assert.equal(await visit(true), true);
    assert.equal(await visit("user"), true);
    assert.equal(await visit("admin"), "/no");
  });
});
