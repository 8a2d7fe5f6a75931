/**
 * One browser, a few tabs, a network that loses and delays, tabs that are closed in
 * the middle: nobody is ever signed out. And a thief who copied everything: found.
 *
 * The bounds are those of the design: an answer takes less than the minimum age of
 * a token (30 s), a request arrives within the retry window (15 s) or not at all.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ClientOptions } from "@watchword/client";
import { FakeBrowser, type Tab } from "../support/browser.js";
import { FakeServer, problem } from "../support/server.js";
import { FakeTime } from "../support/time.js";

const runs = Number(process.env["STORM_RUNS"] ?? 60);
const ada = { username: "ada", password: "correct horse" };

for (const delivery of ["cookie", "body"] as const) {
  describe(`a storm, ${delivery} delivery`, () => {
    test("no honest tab is ever signed out", async () => {
      const seen = new Set<string>();
      for (let seed = 1; seed <= runs; seed++) {
        const { server } = await storm(seed, delivery, 120);
        for (const verdict of server.verdicts) seen.add(verdict);
        assert.ok(!seen.has("reuse") && !seen.has("ended"), `seed ${seed}`);
      }
      // A storm in which nothing happens proves nothing.
      for (const verdict of ["keep", "rotate", "replay"]) assert.ok(seen.has(verdict), `no ${verdict} in ${runs} storms`);
    });

    test("a thief who copied the whole browser is found when both go on", async () => {
      for (let seed = 1; seed <= Math.ceil(runs / 4); seed++) {
        const { server, browser, time, random } = await storm(seed, delivery, 30);
        const loot = browser.copy();
        const owner = browser.tab({ delivery });
        const thief = loot.tab({ delivery });
        time.resume();
        try {
          for (let step = 0; step < 6 && !server.verdicts.includes("reuse"); step++) {
            for (const { client } of random() < 0.5 ? [owner, thief] : [thief, owner]) {
              await time.advance(40_000 + random() * 20_000);
              await time.until(client.refresh().catch(() => {}));
            }
          }
          assert.ok(server.verdicts.includes("reuse"), `seed ${seed}: ${server.verdicts.slice(-12).join(" ")}`);
          for (const { client } of [owner, thief]) {
            await time.until(client.refresh().catch(() => {}));
            assert.equal(client.state.status, "signed-out");
          }
        } finally {
          time.restore();
        }
      }
    });
  });
}

/** Plays a day in a browser. */
async function storm(seed: number, delivery: NonNullable<ClientOptions["delivery"]>, steps: number) {
  const random = generator(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  const time = new FakeTime();
  const real = Math.random;
  Math.random = random;
  try {
    const server = new FakeServer(() => time.now);
    server.addUser("ada", "correct horse");
    const browser = new FakeBrowser(server);
    browser.lag = pick([0, 5, 50]);
    const tabs: Tab[] = [browser.tab({ delivery })];
    await time.until(tabs[0]!.client.signIn(ada));
    await time.advance(1_000); // every tab can see it

    const wrongs: Error[] = [];
    let weather = 0; // how bad the network is: 0 … 1
    browser.network = () => {
      const slow = random() < weather;
      return {
        there: slow ? random() * 12_000 : random() * 50,
        back: slow ? random() * 12_000 : random() * 50,
        ...(random() < weather && { lose: pick(["request", "answer"] as const) }),
      };
    };
    server.interfere = () =>
      random() < weather / 3 ? pick([problem(503, "busy", { session: "alive" }), { status: 502, body: "oops" }]) : undefined;

    for (let step = 0; step < steps; step++) {
      const tab = pick(tabs);
      const errors = (error: Error) => void (error.name === "SignedOutError" && wrongs.push(error));
      switch (pick(["refresh", "refresh", "token", "all", "open", "close", "reload", "weather"] as const)) {
        case "refresh":
          tab.client.refresh().catch(errors);
          break;
        case "token":
          tab.client.getAccessToken().catch(errors);
          break;
        case "all":
          for (const { client } of tabs) client.refresh().catch(errors);
          break;
        case "open":
          if (tabs.length < 5) tabs.push(browser.tab({ delivery }));
          break;
        case "close":
          if (tabs.length > 1) tabs.splice(tabs.indexOf(tab), 1)[0]!.close();
          break;
        case "reload":
          tab.close();
          tabs[tabs.indexOf(tab)] = browser.tab({ delivery });
          tabs.at(-1)!.client.ready().catch(errors);
          break;
        case "weather":
          weather = pick([0, 0, 0.2, 0.6]);
      }
      await time.advance(pick([0, 20, 200, 5_000, 31_000, 400_000, 3_600_000]) * random());
    }
    weather = 0;
    await time.advance(120_000);
    assert.deepEqual(wrongs, [], `seed ${seed}`);
    for (const { client } of tabs) {
      await time.until(client.refresh());
      assert.equal(client.state.status, "signed-in", `seed ${seed}`);
    }
    await time.advance(60_000);
    for (const tab of tabs) tab.close();
    server.interfere = undefined;
    browser.network = () => ({});
    return { server, browser, time, random };
  } finally {
    Math.random = real;
    time.restore();
  }
}

/** Mulberry32: small, and good enough to vary a test. */
function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
