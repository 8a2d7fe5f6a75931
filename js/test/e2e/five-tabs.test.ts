import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Stage, stateOf } from "../support/stage.js";
import { rest } from "../support/watchword.js";

describe("five tabs that reload at the same instant, fifty times", { concurrency: true }, () => {
  for (const delivery of ["cookie", "body"] as const) {
    test(`${delivery} delivery: nobody is out, and there is one session`, async () => {
      // Twice as long as any answer takes here: see the rule's minimum age.
      const stage = await Stage.set({ "access-ttl": "2s", "min-token-age": "2s" }, delivery);
      try {
        const tabs = [await stage.signedIn()];
        while (tabs.length < 5) tabs.push(await stage.open());
        for (let round = 1; round <= 50; round++) {
          await rest(2_050); // the refresh token is old enough to be replaced
          await Promise.all(tabs.map((tab) => tab.reload()));
          const states = await Promise.all(tabs.map(stateOf));
          assert.deepEqual(
            states.map(({ status }) => status),
            Array(5).fill("signed-in"),
            `round ${round}`,
          );
        }
        const rotations = new Set(stage.refreshes.filter(({ status }) => status === 200).map(({ key }) => key)).size;
        assert.ok(rotations > 45, `the token was replaced ${rotations} times`);
        const sessions = await tabs[0]!.evaluate(() => window.client.sessions());
        assert.equal(sessions.length, 1);
      } finally {
        await stage.strike();
      }
    });
  }
});
