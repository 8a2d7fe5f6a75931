import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  type State,
  WatchwordError,
  createClient,
  hasRole,
  isSignedOut,
  isWatchwordError,
  memoryStorage,
} from "@watchword/client";
import { FakeBrowser, type Tab, origin } from "../support/browser.js";
import { FakeServer, problem } from "../support/server.js";
import { FakeTime } from "../support/time.js";

const ada = { username: "ada", password: "correct horse" };

for (const delivery of ["cookie", "body"] as const) {
  describe(`a client, ${delivery} delivery`, () => {
    let time: FakeTime;
    let server: FakeServer;
    let browser: FakeBrowser;
    let tab: Tab;
    const open = () => browser.tab({ delivery });

    beforeEach(() => {
      time = new FakeTime();
      server = new FakeServer(() => time.now);
      server.addUser("ada", "correct horse");
      browser = new FakeBrowser(server);
      tab = open();
    });
    afterEach(() => time.restore());

    test("asks nothing until it is asked something", () => {
      assert.deepEqual(tab.client.state, { status: "unknown" });
      assert.equal(server.arrivals.length, 0);
    });

    test("finds that nobody is signed in", async () => {
      assert.deepEqual(await tab.client.ready(), { status: "signed-out", reason: undefined });
      assert.equal(await tab.client.getAccessToken(), undefined);
      await assert.rejects(tab.client.fetch(`${origin}/orders`), isSignedOut);
      await assert.rejects(tab.client.sessions(), isSignedOut);
    });

    test("signs up, and does not sign in by that", async () => {
      const user = await tab.client.signUp({ username: "bob", email: "bob@example.org", password: "battery staple" });
      assert.deepEqual(user, { id: "id-bob", username: "bob", email: "bob@example.org", roles: ["user"] });
      assert.equal(tab.client.state.status, "unknown");
      await assert.rejects(tab.client.signUp({ username: "bob", email: "x@example.org", password: "battery staple" }), {
        name: "RefusedError",
        code: "username_taken",
        field: "username",
        status: 400,
      });
    });

    test("signs in, and tells listeners and other tabs once", async () => {
      const other = open();
      await other.client.ready();
      const heard: State[] = [];
      const stop = other.client.onChange((state) => heard.push(state));
      const user = await tab.client.signIn(ada);
      await time.advance(1);
      await tab.client.refresh();
      await time.advance(1);
      assert.deepEqual(user, { id: "id-ada", username: "ada", email: "ada@example.org", roles: ["user"] });
      assert.equal(heard.length, 1);
      assert.deepEqual(other.client.user, user);
      stop();
      await tab.client.signOut();
      await time.advance(1);
      assert.equal(heard.length, 1);
    });

    test("a wrong password says so, and leaves things as they were", async () => {
      await tab.client.signIn(ada);
      await assert.rejects(tab.client.signIn({ username: "ada", password: "no" }), {
        name: "RefusedError",
        code: "credentials_wrong",
      });
      assert.equal(tab.client.user?.username, "ada");
      assert.equal((await tab.client.fetch(`${origin}/orders`)).status, 200);
    });

    test("is still signed in after a reload", async () => {
      await tab.client.signIn(ada);
      tab.close();
      const state = await open().client.ready();
      assert.equal(state.user?.username, "ada");
    });

    test("a reload without a network waits until there is one", async () => {
      await tab.client.signIn(ada);
      tab.close();
      browser.network = () => ({ lose: "request" });
      const { client } = open();
      const ready = client.ready();
      await time.advance(120_000);
      assert.equal(client.state.status, "unknown");
      browser.network = () => ({});
      assert.equal((await time.until(ready)).status, "signed-in");
    });

    test("signs out here and in the other tabs, for good", async () => {
      await tab.client.signIn(ada);
      const other = open();
      await other.client.ready();
      await tab.client.signOut();
      await time.advance(1);
      for (const { client } of [tab, other]) assert.deepEqual(client.state, { status: "signed-out", reason: "signed_out" });
      assert.equal((await open().client.ready()).status, "signed-out");
    });

    test("a sign-out that does not reach the server is not one", async () => {
      await tab.client.signIn(ada);
      browser.network = () => ({ lose: "request" });
      await assert.rejects(tab.client.signOut(), { name: "UnavailableError" });
      assert.equal(tab.client.state.status, "signed-in");
      browser.network = () => ({});
      await tab.client.signOut();
      assert.equal(tab.client.state.status, "signed-out");
    });

    test("signs out the others, or all", async () => {
      const elsewhere = new FakeBrowser(server).tab({ delivery });
      await elsewhere.client.signIn(ada);
      await tab.client.signIn(ada);
      await tab.client.signOut({ scope: "others" });
      assert.equal(tab.client.state.status, "signed-in");
      assert.equal(await elsewhere.client.replace((await elsewhere.client.getAccessToken())!), undefined);
      assert.equal(elsewhere.client.state.reason, "ended_by_user");
      await elsewhere.client.signIn(ada);
      await elsewhere.client.signOut({ scope: "all" });
      await assert.rejects(tab.client.refresh(), isSignedOut);
    });

    test("lists sessions and ends one; ending its own is a sign-out", async () => {
      const elsewhere = new FakeBrowser(server).tab({ delivery });
      await elsewhere.client.signIn(ada);
      await tab.client.signIn(ada);
      const [theirs, ours] = await tab.client.sessions();
      assert.ok(!theirs!.current && ours!.current);
      await tab.client.endSession(theirs!.id);
      await assert.rejects(elsewhere.client.refresh(), isSignedOut);
      await tab.client.endSession(ours!.id);
      assert.equal(tab.client.state.status, "signed-out");
    });

    test("changes the password and goes on", async () => {
      await tab.client.signIn(ada);
      await assert.rejects(tab.client.changePassword({ currentPassword: "no", newPassword: "something else" }), {
        code: "password_wrong",
      });
      await tab.client.changePassword({ currentPassword: "correct horse", newPassword: "something else" });
      assert.equal((await tab.client.sessions()).length, 1);
      assert.equal(tab.client.state.status, "signed-in");
    });

    test("its own calls renew a stale token too", async () => {
      await tab.client.signIn(ada);
      server.users.get("ada")!.epoch++;
      assert.equal((await tab.client.sessions()).length, 1);
    });

    test("changed roles are known after the next refresh", async () => {
      await tab.client.signIn(ada);
      Object.assign(server.users.get("ada")!, { roles: ["ROLE_USER", "ROLE_ADMIN"], epoch: 2 });
      await tab.client.fetch(`${origin}/orders`);
      assert.ok(hasRole(tab.client.user, "admin"));
    });

    test("sends a body again with the renewed token", async () => {
      await tab.client.signIn(ada);
      for (const send of [
        () => tab.client.fetch(`${origin}/orders`, { method: "POST", body: '{"a":1}' }),
        () => tab.client.fetch(new URL(`${origin}/orders`), { method: "POST", body: '{"a":1}' }),
      ]) {
        server.users.get("ada")!.epoch++;
        const answer = (await (await send()).json()) as { echo: unknown };
        assert.deepEqual(answer.echo, { a: 1 });
      }
    });

    test("gives the token to no origin that is not listed", async () => {
      await tab.client.signIn(ada);
      await assert.rejects(tab.client.fetch("https://elsewhere.example/orders"), { code: "origin_not_listed" });
      const { client } = browser.tab({ delivery, resources: ["https://api.example.org/v1"] });
      assert.deepEqual(
        ["https://api.example.org/x", "https://api.example.org.evil.example/", "http://api.example.org/", `${origin}/y`].map(
          (url) => client.trusts(url),
        ),
        [true, false, false, true],
      );
    });

    test("no error holds a token, a key or a password", async () => {
      await tab.client.signIn(ada);
      const token = (await tab.client.getAccessToken())!;
      const secrets = [token, browser.jar, ...browser.items.values(), "correct horse"].filter((secret) => secret !== undefined);
      server.interfere = () => problem(500, "internal");
      const errors: unknown[] = [];
      const keep = (error: unknown) => errors.push(error);
      await time.until(tab.client.refresh().catch(keep));
      await time.until(tab.client.signIn(ada).catch(keep));
      await time.until(tab.client.sessions().catch(keep));
      assert.equal(errors.length, 3);
      for (const error of errors) {
        assert.ok(isWatchwordError(error));
        const text = JSON.stringify(error, Object.getOwnPropertyNames(error)) + error.stack;
        for (const secret of secrets) assert.ok(!text.includes(secret));
      }
    });

    test("an aborted call fails with the signal's reason", async () => {
      await tab.client.signIn(ada);
      const reason = new Error("enough");
      for (const call of [
        () => tab.client.refresh({ signal: AbortSignal.abort(reason) }),
        () => tab.client.sessions({ signal: AbortSignal.abort(reason) }),
        () => tab.client.signIn(ada, { signal: AbortSignal.abort(reason) }),
        () => tab.client.signUp({ ...ada, email: "a@b.c" }, { signal: AbortSignal.abort(reason) }),
      ]) {
        await assert.rejects(call(), (error) => error === reason);
      }
    });

    test("tabs of one browser that share nothing stay strangers", async () => {
      const stranger = browser.tab({ delivery, shared: false, storage: memoryStorage() });
      await tab.client.signIn(ada);
      await time.advance(1);
      assert.equal(stranger.client.state.status, "unknown");
    });

    test("a client that was closed hears and tells nothing", async () => {
      const other = open();
      tab.client.close();
      await tab.client.signIn(ada);
      await time.advance(1);
      assert.equal(other.client.state.status, "unknown");
    });
  });
}

describe("making a client", () => {
  for (const [baseURL, message] of [
    ["http://id.example.org", /must begin with https/],
    ["ftp://id.example.org", /must begin with https/],
    ["id.example.org", /must be the address of a server/],
    ["/", /must be the address of a server/], // on a server there is no page
  ] as const) {
    test(`${baseURL} is refused`, () => {
      assert.throws(() => createClient({ baseURL, delivery: "cookie" }), message);
    });
  }

  for (const baseURL of [
    "https://id.example.org/",
    "https://example.org/auth",
    "http://localhost:8080",
    "http://127.0.0.1:8080/",
    "http://[::1]:1",
  ]) {
    test(`${baseURL} will do`, () => {
      createClient({ baseURL, delivery: "body" }).close();
    });
  }

  test("a delivery must be named", () => {
    assert.throws(() => createClient({ baseURL: "https://x.example", delivery: "jar" as "body" }), /delivery/);
  });

  test("on a server nothing is shared between clients unless that is asked for", async () => {
    const told: unknown[] = [];
    const listener = new BroadcastChannel("watchword:https://id.example.org");
    listener.onmessage = ({ data }) => told.push(data);
    const client = createClient({
      baseURL: "https://id.example.org",
      delivery: "cookie",
      fetch: async () =>
        Response.json({ accessToken: "a", expiresIn: 600, sessionId: "s", id: "1", username: "u", email: "e", roles: [] }),
    });
    await client.refresh();
    await new Promise((resolve) => setTimeout(resolve, 50));
    listener.close();
    assert.deepEqual(told, []);
  });

  test("cookies that the browser does not keep are found out at sign-in, and nothing is left behind", async () => {
    const server = new FakeServer(() => performance.now());
    server.addUser("ada", "correct horse");
    const browser = new FakeBrowser(server);
    browser.cookiesBlocked = true;
    const { client } = browser.tab();
    await assert.rejects(client.signIn(ada), { name: "RefusedError", code: "cookies_blocked" });
    assert.notEqual(client.state.status, "signed-in");
    assert.equal(server.count("/api/auth/signout"), 1);
  });

  test("roles are found in either spelling", () => {
    const user = { id: "1", username: "ada", email: "a@b.c", roles: ["admin", "user"] };
    assert.deepEqual(
      ["admin", "ROLE_ADMIN", "user", "moderator"].map((role) => hasRole(user, role)),
      [true, true, true, false],
    );
    assert.equal(hasRole(undefined, "user"), false);
  });

  test("errors are known by name, whichever copy of the package made them", () => {
    class SignedOutError extends Error {
      override name = "SignedOutError";
      code = "signed_out";
    }
    assert.ok(isSignedOut(new SignedOutError()) && isWatchwordError(new SignedOutError()));
    assert.ok(isWatchwordError(new WatchwordError("x", "y")) && !isWatchwordError(new TypeError("x")));
  });
});
