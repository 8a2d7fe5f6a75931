import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openChromium } from "../support/chromium.js";
import { Stage, refresh, stateOf } from "../support/stage.js";
import { rest } from "../support/watchword.js";

describe("a stolen cookie", () => {
  let stage: Stage;
  before(async () => (stage = await Stage.set({ "min-token-age": "0s", "retry-window": "1s" })));
  after(() => stage.strike());

  for (const first of ["thief", "owner"] as const) {
    test(`is found when both go on, the ${first} first: both are out, and told why`, async () => {
      const owner = await stage.signedIn();
      const second = await openChromium();
      try {
        await second.addCookies(await stage.browser.cookies());
        if (first === "owner") {
          assert.equal(await refresh(owner), "refreshed");
          await rest(1_200); // later than any honest request
        }
        const thief = await stage.open(second);
        assert.equal((await stateOf(thief)).status, first === "owner" ? "signed-out" : "signed-in");
        await rest(1_200);
        assert.equal(await refresh(owner), "signed_out");
        assert.deepEqual(await stateOf(owner), { status: "signed-out", reason: "reuse_detected" });
        assert.equal(await refresh(thief), "signed_out");
        assert.deepEqual(await stateOf(thief), { status: "signed-out", reason: "reuse_detected" });
      } finally {
        await second.close();
      }
    });
  }
});
