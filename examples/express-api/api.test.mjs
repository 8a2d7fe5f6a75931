// Both APIs against the real server.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { command, newClient, post, signIn, start } from "../../interop/node/watchword.mjs";
import { createAPI as createBearerAPI } from "./with-jwt-bearer.js";
import { createAPI, createGuard } from "./with-jose.js";

let server, orders;
before(async () => {
  orders = newClient("orders");
  server = await start("--client", orders.client);
});
after(() => server?.stop());

/** Serves an API on a free port, and returns how to ask it. */
async function serve(app) {
  const listening = await new Promise((resolve) => {
    const s = app.listen(0, "127.0.0.1", () => resolve(s));
  });
  const ask = async (method, path, token) => {
    const answer = await fetch(`http://127.0.0.1:${listening.address().port}${path}`, {
      method,
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    return { status: answer.status, text: await answer.text(), challenge: answer.headers.get("WWW-Authenticate") };
  };
  return { ask, close: () => new Promise((closed) => listening.close(closed).closeAllConnections()) };
}

/** A new user who is signed in with these roles. */
async function join(username, ...roles) {
  const signedIn = await signIn(server.url, username);
  if (roles.length === 0) return signedIn;
  command("user", "roles", "--data", server.data, username, ...roles);
  return post(`${server.url}/api/auth/refreshtoken`, { refreshToken: signedIn.refreshToken });
}

const signOut = (accessToken) => post(`${server.url}/api/auth/signout`, {}, { Authorization: `Bearer ${accessToken}` });

describe("with jose", () => {
  let api, guard;
  before(async () => {
    guard = await createGuard(server.url, "watchword");
    api = await serve(createAPI(guard));
  });
  after(async () => {
    guard.stop();
    await api.close();
  });

  it("serves who may, and refuses who may not", async () => {
    const ada = await join("ada");
    const root = await join("root", "admin", "user");
    assert.deepEqual(await api.ask("GET", "/orders", ada.accessToken), { status: 200, text: "the orders of ada\n", challenge: null });
    assert.equal((await api.ask("DELETE", "/orders/7", root.accessToken)).text, "root deleted order 7\n");
    for (const [method, token, status, code] of [
      ["GET", undefined, 401, "no_token"],
      ["GET", "garbage", 401, "invalid_token"],
      ["GET", `${ada.accessToken.slice(0, -4)}AAAA`, 401, "invalid_token"],
      ["DELETE", ada.accessToken, 403, "missing_role"],
    ]) {
      const { status: got, text, challenge } = await api.ask(method, "/orders/7".slice(0, method === "GET" ? 7 : 9), token);
      assert.equal(got, status);
      assert.equal(JSON.parse(text).code, code);
      assert.match(challenge, /^Bearer /);
    }
  });

  // How long it took until tokens were refused. A busy machine may be slow once.
  const took = [];
  after(() => assert.ok(Math.min(...took) < 1_000, `it took ${took} ms`));

  /** Waits until the token is refused, and returns the code. */
  async function refused(token) {
    const start = performance.now();
    for (;;) {
      const { status, text } = await api.ask("GET", "/orders", token);
      const waited = performance.now() - start;
      if (status === 401) {
        took.push(waited);
        return JSON.parse(text).code;
      }
      assert.ok(waited < 20_000, "it is still accepted");
      await rest(5);
    }
  }

  it("refuses a session within a second after its end", async () => {
    const { accessToken } = await join("leaves");
    assert.equal((await api.ask("GET", "/orders", accessToken)).status, 200);
    await signOut(accessToken);
    assert.equal(await refused(accessToken), "revoked_token");
  });

  it("refuses stale tokens, and takes the refreshed one", async () => {
    const { accessToken, refreshToken } = await join("changes");
    assert.equal((await api.ask("GET", "/orders", accessToken)).status, 200);
    command("user", "roles", "--data", server.data, "changes", "user", "moderator");
    assert.equal(await refused(accessToken), "stale_token");
    const renewed = await post(`${server.url}/api/auth/refreshtoken`, { refreshToken });
    assert.equal((await api.ask("GET", "/orders", renewed.accessToken)).status, 200);
  });

  it("knows what was revoked before it started", async (t) => {
    const { accessToken } = await join("earlier");
    await signOut(accessToken);
    const later = await createGuard(server.url, "watchword");
    t.after(() => later.stop());
    const other = await serve(createAPI(later));
    t.after(() => other.close());
    assert.equal((await other.ask("GET", "/orders", accessToken)).status, 401);
  });

  it("does not start with another issuer's name", async () => {
    await assert.rejects(createGuard(server.url.replace("localhost", "127.0.0.1"), "watchword"), /the issuer is/);
  });
});

describe("with express-oauth2-jwt-bearer", () => {
  let api;
  before(async () => (api = await serve(createBearerAPI(server.url, "watchword", "orders", orders.secret))));
  after(() => api.close());

  it("serves who may, and refuses who may not", async () => {
    const bob = await join("bob");
    const boss = await join("boss", "admin", "user");
    assert.equal((await api.ask("GET", "/orders", bob.accessToken)).text, "the orders of bob\n");
    assert.equal((await api.ask("DELETE", "/orders/7", boss.accessToken)).text, "boss deleted order 7\n");
    assert.equal((await api.ask("GET", "/orders")).status, 401);
    assert.equal((await api.ask("GET", "/orders", "garbage")).status, 401);
    assert.equal((await api.ask("DELETE", "/orders/7", bob.accessToken)).status, 403);

    // What only reads goes on until the token expires; what matters stops at once.
    await signOut(boss.accessToken);
    assert.equal((await api.ask("GET", "/orders", boss.accessToken)).status, 200);
    const { status, challenge } = await api.ask("DELETE", "/orders/7", boss.accessToken);
    assert.equal(status, 401);
    assert.match(challenge, /invalid_token/);
  });

  it("lets nobody do what matters if it may not ask", async (t) => {
    const eve = await join("eve", "admin");
    const blind = await serve(createBearerAPI(server.url, "watchword", "orders", "wrong"));
    t.after(() => blind.close());
    assert.equal((await blind.ask("DELETE", "/orders/7", eve.accessToken)).status, 503);
  });
});
