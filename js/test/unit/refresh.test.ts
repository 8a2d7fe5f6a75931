import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { isSignedOut, isUnavailable } from "@watchword/client";
import { FakeBrowser, type Tab, origin } from "../support/browser.js";
import { FakeServer, problem } from "../support/server.js";
import { FakeTime } from "../support/time.js";

const minute = 60_000;
const item = `watchword:${origin}`;

for (const delivery of ["cookie", "body"] as const) {
  const path = delivery === "cookie" ? "/refresh" : "/api/auth/refreshtoken";

  describe(`refreshing, ${delivery} delivery`, () => {
    let time: FakeTime;
    let server: FakeServer;
    let browser: FakeBrowser;
    let tab: Tab;

    const open = () => browser.tab({ delivery });
    const orders = (tab: Tab) => tab.client.fetch(`${origin}/orders`);
    const keysSent = () =>
      server.arrivals.filter((arrival) => arrival.path === path).map((arrival) => arrival.headers.get("Idempotency-Key"));
    const stored = () => {
      const text = browser.items.get(item)!;
      return delivery === "cookie" ? { key: text, token: browser.jar } : (JSON.parse(text) as { key: string; token: string });
    };

    beforeEach(async () => {
      time = new FakeTime();
      server = new FakeServer(() => time.now);
      server.addUser("ada", "correct horse");
      browser = new FakeBrowser(server);
      tab = open();
      await tab.client.signIn({ username: "ada", password: "correct horse" });
      server.arrivals.length = 0;
      server.verdicts.length = 0;
    });
    afterEach(() => time.restore());

    test("ten requests at once after the access token expired send one refresh", async () => {
      await time.advance(11 * minute);
      const answers = await Promise.all(Array.from({ length: 10 }, () => orders(tab)));
      assert.deepEqual(
        answers.map((answer) => answer.status),
        Array(10).fill(200),
      );
      assert.deepEqual(server.verdicts, ["rotate"]);
    });

    test("ten requests at once that are refused as stale send one refresh", async () => {
      server.users.get("ada")!.epoch++;
      const answers = await Promise.all(Array.from({ length: 10 }, () => orders(tab)));
      assert.deepEqual(
        answers.map((answer) => answer.status),
        Array(10).fill(200),
      );
      assert.equal(server.count(path), 1);
    });

    test("an API that refuses every token is asked twice, and its 401 handed on", async () => {
      server.interfere = (arrival) => (arrival.path === "/orders" ? problem(401, "invalid_token") : undefined);
      assert.equal((await orders(tab)).status, 401);
      assert.equal(server.count("/orders"), 2);
      assert.equal(tab.client.state.status, "signed-in");
    });

    test("the access token is in no storage", async () => {
      const token = await tab.client.getAccessToken();
      assert.ok(token);
      for (const value of browser.items.values()) assert.ok(!value.includes(token));
    });

    test("the request key is stored before it is sent, and replaced with the token", async () => {
      const before = stored();
      await time.advance(11 * minute);
      let atArrival: ReturnType<typeof stored> | undefined;
      server.interfere = () => void (atArrival ??= stored());
      await tab.client.refresh();
      assert.equal(atArrival?.key, keysSent()[0]);
      assert.equal(atArrival?.key, before.key);
      assert.notEqual(stored().key, before.key);
      assert.notEqual(stored().token, before.token);
    });

    test("the key stays as long as the token does", async () => {
      const before = stored();
      await time.advance(10_000); // younger than the minimum age: the server keeps the token
      await tab.client.refresh();
      assert.deepEqual(server.verdicts, ["keep"]);
      assert.deepEqual(stored(), before);
    });

    test("an answer that was lost after the server rotated is given again, with the same key", async () => {
      await time.advance(11 * minute);
      let losses = 1;
      browser.network = () => (losses-- > 0 ? { lose: "answer" } : {});
      await time.until(tab.client.refresh());
      assert.deepEqual(server.verdicts, ["rotate", "replay"]);
      const [first, second] = keysSent();
      assert.equal(first, second);
    });

    test("a page that is reloaded while the answer is on its way goes on, days later", async () => {
      await time.advance(11 * minute);
      browser.network = () => ({ back: 1_000 });
      tab.client.refresh().catch(() => {});
      await time.advance(500);
      tab.close();
      await time.advance(3 * 24 * 60 * minute);
      browser.network = () => ({});
      const state = await time.until(open().client.ready());
      assert.equal(state.status, "signed-in");
      assert.deepEqual(server.verdicts, ["rotate", "replay"]);
    });

    test("two tabs that refresh at once share one key and both go on", async () => {
      const other = open();
      await time.advance(11 * minute);
      browser.network = () => ({ there: 100, back: 100 });
      await Promise.all([time.until(tab.client.refresh()), other.client.refresh()]);
      assert.deepEqual(server.verdicts, ["rotate", "replay"]);
      const [one, two] = keysSent();
      assert.equal(one, two);
    });

    test("a tab uses the access token that another got", async () => {
      const other = open();
      await time.advance(11 * minute);
      await tab.client.refresh();
      await time.advance(10);
      assert.equal(await other.client.getAccessToken(), await tab.client.getAccessToken());
      assert.equal(server.count(path), 1);
    });

    for (const [name, answer] of Object.entries({
      "a server that is broken": problem(500, "internal", { session: "alive" }),
      "a server that is busy": problem(503, "busy", { session: "alive" }),
      "a proxy's page": { status: 502, body: "<h1>Bad gateway</h1>" },
      "a proxy's page that says 200": { status: 200, body: "<h1>Please log in to the Wi-Fi</h1>" },
      "a straggler": problem(409, "refresh_straggler", { session: "alive" }),
      "a throttle": problem(429, "throttled"),
    })) {
      test(`${name} signs nobody out: it is asked a few times, then later`, async () => {
        await time.advance(11 * minute);
        server.interfere = () => answer;
        await assert.rejects(time.until(tab.client.refresh()), isUnavailable);
        assert.equal(server.arrivals.length, 4);
        assert.equal(tab.client.state.status, "signed-in");
        server.interfere = undefined;
        await time.advance(minute);
        assert.equal((await orders(tab)).status, 200);
      });
    }

    test("a refusal that says nothing of the session signs nobody out", async () => {
      await time.advance(11 * minute);
      server.interfere = () => problem(403, "cross_origin");
      await assert.rejects(tab.client.refresh(), { name: "RefusedError", code: "cross_origin" });
      assert.equal(tab.client.state.status, "signed-in");
    });

    test("without a network the user stays signed in, and goes on when it is back", async () => {
      await time.advance(11 * minute);
      browser.network = () => ({ lose: "request" });
      await assert.rejects(time.until(orders(tab)), { name: "UnavailableError", code: "network" });
      assert.equal(tab.client.state.status, "signed-in");
      browser.network = () => ({});
      await time.advance(minute);
      assert.equal((await orders(tab)).status, 200);
    });

    test("a server that never answers is a time-out, and signs nobody out", async () => {
      await time.advance(11 * minute);
      browser.network = () => ({ there: 3_600_000 });
      const start = time.now;
      await assert.rejects(time.until(tab.client.refresh()), { name: "UnavailableError", code: "timeout" });
      assert.ok(time.now - start >= 40_000, "four times ten seconds");
      assert.equal(tab.client.state.status, "signed-in");
    });

    test("the pauses between tries grow and are never the same for all", async () => {
      await time.advance(11 * minute);
      const at: number[] = [];
      server.interfere = () => {
        at.push(time.now);
        return problem(503, "unavailable", { session: "alive" });
      };
      await assert.rejects(time.until(tab.client.refresh()));
      const pauses = at.slice(1).map((moment, index) => moment - at[index]!);
      pauses.forEach((pause, index) => assert.ok(pause >= 100 * 3 ** index && pause <= 300 * 3 ** index, `${pauses}`));
      assert.ok(
        pauses.some((pause) => !Number.isInteger(pause)),
        "jitter",
      );
    });

    test("who asks again once a server is back waits a moment, and is never refused unasked", async () => {
      const { random } = Math;
      try {
        for (const chance of [0, 0.5, 0.999]) {
          Math.random = () => chance;
          await time.advance(11 * minute);
          browser.network = () => ({ lose: "request" });
          await assert.rejects(time.until(orders(tab)), { code: "network" });
          browser.network = () => ({});
          const start = time.now;
          assert.equal((await time.until(orders(tab))).status, 200);
          assert.ok(time.now - start <= 5_000, `${time.now - start} ms`);
        }
      } finally {
        Math.random = random;
      }
    });

    test("Retry-After is obeyed, by the same call and by those after it", async () => {
      await time.advance(11 * minute);
      server.interfere = () => ({ ...problem(503, "busy", { session: "alive" }), headers: { "Retry-After": "3" } });
      const refresh = tab.client.refresh().catch((error: unknown) => error);
      await time.advance(2_900);
      assert.equal(server.arrivals.length, 1);
      server.interfere = undefined;
      await time.advance(200);
      assert.equal(await refresh, undefined);
      assert.equal(server.arrivals.length, 2);
    });

    test("a Retry-After that is long fails at once, and nothing is sent until it is over", async () => {
      await time.advance(11 * minute);
      server.interfere = () => ({ ...problem(503, "refresh_ahead", { session: "alive" }), headers: { "Retry-After": "60" } });
      await assert.rejects(time.until(tab.client.refresh()), { code: "refresh_ahead", retryAfter: 60_000 });
      await assert.rejects(time.until(tab.client.refresh()), isUnavailable);
      assert.equal(server.arrivals.length, 1);
      server.interfere = undefined;
      await time.advance(minute);
      await tab.client.refresh();
      assert.equal(server.arrivals.length, 2);
    });

    test("the end of the session signs out, says why, and tells the other tabs", async () => {
      const other = open();
      await other.client.ready();
      server.end("user_blocked");
      assert.equal((await orders(tab)).status, 401);
      await time.advance(10);
      for (const { client } of [tab, other]) assert.deepEqual(client.state, { status: "signed-out", reason: "user_blocked" });
      await assert.rejects(orders(tab), isSignedOut);
    });

    test("a reason is not forgotten when a later refresh finds nothing at all", async () => {
      server.end("user_blocked");
      await assert.rejects(tab.client.refresh(), { name: "SignedOutError", reason: "user_blocked" });
      await assert.rejects(tab.client.refresh(), isSignedOut);
      assert.equal(tab.client.state.reason, "user_blocked");
    });

    test("a wall clock that is days wrong changes nothing", async () => {
      const { now } = Date;
      try {
        for (const days of [-400, 400]) {
          Date.now = () => now() + days * 86_400_000;
          await time.advance(4 * minute);
          assert.equal((await orders(tab)).status, 200);
        }
        assert.equal(server.count(path), 0);
      } finally {
        Date.now = now;
      }
    });

    test("a token is renewed ahead of need while it is still being used", async () => {
      await time.advance(9.5 * minute);
      const old = await tab.client.getAccessToken();
      await time.advance(100);
      assert.equal(server.count(path), 1);
      assert.notEqual(await tab.client.getAccessToken(), old);
    });

    test("a renewal ahead of need that fails disturbs nobody, and does not storm", async () => {
      server.interfere = (arrival) => (arrival.path === path ? problem(503, "busy", { session: "alive" }) : undefined);
      await time.advance(9.2 * minute);
      for (let second = 0; second < 10; second++) {
        assert.equal((await orders(tab)).status, 200);
        await time.advance(1_000);
      }
      assert.ok(server.count(path) <= 12, `${server.count(path)} tries in ten seconds`);
    });

    test("an answer that arrives in a tab that slept counts as lost", async () => {
      const sleeper = open();
      await sleeper.client.ready();
      await time.advance(11 * minute);
      browser.network = () => ({ there: 10, back: 10 });
      const refresh = sleeper.client.refresh();
      await time.advance(15); // the server rotated, its answer is on its way
      time.skip(60 * minute); // and everything stands still for an hour
      await time.until(refresh);
      // The browser itself takes the cookie of an answer that no script sees.
      assert.deepEqual(server.verdicts.slice(-2), ["rotate", delivery === "cookie" ? "rotate" : "replay"]);
      assert.equal((await time.until(orders(sleeper))).status, 200);
    });

    test("who stops waiting stops nobody else", async () => {
      await time.advance(11 * minute);
      browser.network = () => ({ there: 1_000 });
      const stop = new AbortController();
      const impatient = tab.client.refresh({ signal: stop.signal });
      const patient = tab.client.refresh();
      await time.advance(100);
      stop.abort(new Error("enough"));
      await assert.rejects(impatient, { message: "enough" });
      await time.until(patient);
      assert.equal(server.count(path), 1);
    });
  });
}

describe("losing a race", () => {
  let time: FakeTime;
  let server: FakeServer;
  let browser: FakeBrowser;
  beforeEach(() => {
    time = new FakeTime();
    server = new FakeServer(() => time.now);
    server.addUser("ada", "correct horse");
    server.addUser("bob", "battery staple");
    browser = new FakeBrowser(server);
  });
  afterEach(() => time.restore());

  test("a tab whose token is too old takes the one that another tab stored, and goes on", async () => {
    const tab = browser.tab({ delivery: "body", shared: false });
    await tab.client.signIn({ username: "ada", password: "correct horse" });
    const other = browser.tab({ delivery: "body", shared: false });
    await time.advance(11 * 60_000);
    browser.network = () => ({ there: 5_000 });
    const slow = tab.client.refresh();
    await time.advance(10);
    for (let round = 0; round < 2; round++) {
      browser.network = () => ({});
      server.policy.minAge = 0;
      await other.client.refresh(); // two generations on, before the slow request arrives
    }
    await time.until(slow);
    assert.deepEqual(server.verdicts, ["rotate", "rotate", "straggler", "rotate"]);
    assert.equal(tab.client.state.status, "signed-in");
  });

  test("a refresh that finds the session ended, while another tab signs in anew, clears nothing", async () => {
    const tab = browser.tab({ delivery: "body", shared: false });
    await tab.client.signIn({ username: "ada", password: "correct horse" });
    await time.advance(11 * 60_000);
    server.end("ended_by_admin");
    browser.network = () => ({ there: 10, back: 2_000 });
    const late = tab.client.refresh();
    await time.advance(100); // it was refused, and the answer is on its way
    browser.network = () => ({});
    await browser.tab({ delivery: "body", shared: false }).client.signIn({ username: "bob", password: "battery staple" });
    await time.until(late);
    assert.equal(tab.client.user?.username, "bob");
  });

  for (const delivery of ["cookie", "body"] as const) {
    test(`a late answer does not put its token, or its key, in the place of a newer one (${delivery})`, async () => {
      const tab = browser.tab({ delivery, shared: false });
      await tab.client.signIn({ username: "ada", password: "correct horse" });
      const other = browser.tab({ delivery, shared: false });
      await time.advance(11 * 60_000);
      server.policy.minAge = 0;
      browser.network = () => ({ there: 10, back: 5_000 });
      const late = tab.client.refresh();
      await time.advance(100);
      browser.network = () => ({});
      await other.client.refresh();
      await other.client.refresh();
      const newest = [...browser.items.values()];
      await time.until(late);
      assert.deepEqual(server.verdicts.slice(-3), ["rotate", "replay", "rotate"]);
      assert.deepEqual([...browser.items.values()], newest);
    });
  }

  for (const [name, happen] of Object.entries({
    "replaced the cookie": () => {},
    "removed the cookie": (server: FakeServer) => server.end("ended_by_admin"),
  })) {
    test(`signing in drops another tab's refresh, which would have ${name}`, async () => {
      const tab = browser.tab();
      await tab.client.signIn({ username: "ada", password: "correct horse" });
      const other = browser.tab();
      await other.client.ready();
      await time.advance(11 * 60_000);
      happen(server);
      browser.network = () => ({ there: 10, back: 3_000 });
      const late = other.client.refresh();
      await time.advance(500); // it was answered, and the answer is on its way
      browser.network = () => ({ there: 10, back: 10 });
      await time.until(tab.client.signIn({ username: "bob", password: "battery staple" }));
      await time.until(late);
      await time.advance(10_000);
      assert.equal(other.client.user?.username, "bob");
      await time.until(tab.client.refresh());
      assert.equal(tab.client.user?.username, "bob");
    });
  }
});
