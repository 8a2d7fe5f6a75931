/** The client in a real browser, against the real server, with a gate between them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Stage, askDemo, refresh, stateOf } from "../support/stage.js";
import { rest, until } from "../support/watchword.js";

for (const delivery of ["cookie", "body"] as const) {
  describe(`in a browser, ${delivery} delivery, on plain http localhost`, () => {
    let stage: Stage;
    before(async () => (stage = await Stage.set({ "access-ttl": "4s", "min-token-age": "1s" }, delivery)));
    after(() => stage.strike());

    test("a user signs up, signs in, reloads, and signs out", async () => {
      const page = await stage.open();
      await page.evaluate(() => window.client.signUp({ username: "bob", email: "bob@example.org", password: "battery staple" }));
      assert.equal((await stateOf(page)).status, "signed-out");
      const user = await page.evaluate(() => window.client.signIn({ email: "bob@example.org", password: "battery staple" }));
      assert.deepEqual([user.username, user.email, user.roles], ["bob", "bob@example.org", ["user"]]);
      await page.reload();
      assert.equal((await stateOf(page)).user?.username, "bob");
      await page.evaluate(() => window.client.signOut());
      await page.reload();
      assert.equal((await stateOf(page)).status, "signed-out");
      await page.close();
    });

    test("no script can read a refresh token that a cookie holds, nor find an access token", async () => {
      const page = await stage.signedIn();
      const found = await page.evaluate(async () => {
        const access = await window.client.getAccessToken();
        const everything = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]);
        return { refresh: everything.includes("wwr_"), access: everything.includes(access!) };
      });
      assert.deepEqual(found, { refresh: delivery === "body", access: false });
      await page.close();
    });

    test("an access token that expired is renewed silently, once for ten requests", async () => {
      const page = await stage.signedIn();
      await rest(4_500);
      assert.deepEqual(await askDemo(page, 10), Array(10).fill(200));
      assert.equal(stage.refreshes.length, 1);
      await page.close();
    });

    test("an answer that is lost after the server rotated costs nothing", async () => {
      const page = await stage.signedIn();
      await rest(1_500);
      let losses = 3; // the browser tries again by itself at once, the client later
      stage.server.gate.fate = ({ path }) => (path === stage.path && losses-- > 0 ? "lose answer" : "pass");
      assert.equal(await refresh(page), "refreshed");
      const keys = stage.refreshes.map(({ key }) => key!);
      assert.ok(keys.length >= 2);
      assert.equal(new Set(keys).size, 1);
      stage.server.gate.fate = () => "pass";
      await rest(1_500);
      assert.equal(await refresh(page), "refreshed");
      assert.notEqual(stage.refreshes.at(-1)!.key, keys[0]);
      await page.close();
    });

    test("a page that is reloaded while the answer is on its way goes on", async () => {
      const page = await stage.signedIn();
      await rest(1_500);
      stage.server.gate.fate = ({ path }) => (path === stage.path ? { delay: 5_000 } : "pass");
      await page.evaluate(() => void window.client.refresh());
      await until(() => stage.refreshes.length > 0);
      stage.server.gate.fate = () => "pass";
      await page.reload();
      assert.equal((await stateOf(page)).status, "signed-in");
      const [before, after] = stage.refreshes;
      assert.equal(before!.key, after!.key);
      await page.close();
    });

    test("without a network the user stays signed in, and goes on when it is back", async () => {
      const page = await stage.signedIn();
      await rest(4_500);
      await stage.browser.setOffline(true);
      assert.equal(await refresh(page), "network");
      assert.equal((await stateOf(page)).status, "signed-in");
      await stage.browser.setOffline(false);
      assert.deepEqual(await askDemo(page), [200]);
      await page.close();
    });

    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      test(`a server that is restarted (${signal}) signs nobody out`, async () => {
        const page = await stage.signedIn();
        await rest(1_500);
        assert.equal(await refresh(page), "refreshed");
        await stage.server.stop(signal);
        const during = refresh(page); // tries again for a few seconds
        await stage.server.start();
        assert.match(await during, /refreshed|network/);
        await rest(4_500);
        assert.deepEqual(await askDemo(page), [200]);
        await page.close();
      });
    }

    test("a user whom the administrator blocks is out with the next call, within a second", async () => {
      const late: number[] = []; // a busy machine may be slow twice; the promise is not changed for it
      for (const username of ["mallory", "mallet", "marvin"]) {
        await stage.server.addUser(username);
        const page = await stage.open();
        await page.evaluate((username) => window.client.signIn({ username, password: "correct horse battery" }), username);
        assert.deepEqual(await askDemo(page), [200]);
        stage.server.command("user", "block", username, "--reason=spam");
        const blocked = Date.now();
        let answer = [200];
        let letIn = 0; // how long after the block the last call was made that was let in
        while (answer[0] === 200) {
          const asked = Date.now();
          answer = await askDemo(page).catch((error: Error) => {
            if (!/session has ended/.test(error.message)) throw error;
            return [401]; // its access token ran out first, and the renewal was refused
          });
          if (answer[0] === 200) letIn = asked - blocked;
        }
        assert.deepEqual(answer, [401]);
        assert.deepEqual(await stateOf(page), { status: "signed-out", reason: "user_blocked" });
        await page.close();
        late.push(letIn);
        if (letIn < 1_000) break;
      }
      assert.ok(Math.min(...late) < 1_000, `calls made ${late} ms after a block were let in`);
    });

    test("signing out in one tab signs out the others", async () => {
      const page = await stage.signedIn();
      const other = await stage.open();
      assert.equal((await stateOf(other)).status, "signed-in");
      await page.evaluate(() => window.client.signOut());
      await other.waitForFunction(() => window.client.state.status === "signed-out");
      await Promise.all([page.close(), other.close()]);
    });

    test("a tab that stood still for an hour, while others went on, goes on too", async () => {
      const sleeper = await stage.signedIn();
      await sleeper.clock.install();
      await sleeper.reload();
      assert.equal((await stateOf(sleeper)).status, "signed-in");
      const awake = await stage.open();
      await stateOf(awake);
      await rest(1_500);
      // It sends a refresh, the server rotates, and there it stops.
      stage.server.gate.fate = ({ path }) => (path === stage.path ? { delay: 1_000 } : "pass");
      await sleeper.evaluate(() => void window.client.refresh().catch(() => {}));
      await rest(200);
      const devtools = await stage.browser.newCDPSession(sleeper);
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      stage.server.gate.fate = () => "pass";
      for (let generation = 0; generation < 3; generation++) {
        await rest(1_100);
        assert.equal(await refresh(awake), "refreshed");
      }
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
      await sleeper.clock.fastForward("01:00:00");
      assert.deepEqual(await askDemo(sleeper), [200]);
      await rest(1_100);
      for (const page of [awake, sleeper]) assert.equal(await refresh(page), "refreshed");
      await Promise.all([sleeper.close(), awake.close()]);
    });
  });
}
