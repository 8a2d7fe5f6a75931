// openid-client and oauth4webapi renew, revoke and ask with nothing but the issuer's
// address, against the real server.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { newClient, signIn, start } from "./watchword.mjs";

let server, orders;
before(async () => {
  orders = newClient("orders-api");
  server = await start("--min-token-age", "0s", "--client", orders.client);
});
after(() => server?.stop());

describe("openid-client", () => {
  const discover = (id, by, algorithm = "oauth2") =>
    openid.discovery(new URL(server.url), id, undefined, by, { algorithm, execute: [openid.allowInsecureRequests] });

  for (const algorithm of ["oauth2", "oidc"]) {
    it(`renews again and again, found as ${algorithm}`, async () => {
      const config = await discover("watchword", openid.None(), algorithm);
      let { refreshToken } = await signIn(server.url, `renews-${algorithm}`);
      for (let n = 0; n < 3; n++) {
        const tokens = await openid.refreshTokenGrant(config, refreshToken);
        assert.equal(tokens.token_type, "bearer");
        assert.ok(tokens.expiresIn() > 500);
        assert.notEqual(tokens.refresh_token, refreshToken);
        refreshToken = tokens.refresh_token;
        const me = await openid.fetchProtectedResource(config, tokens.access_token, new URL(`${server.url}/api/auth/me`), "GET");
        assert.equal((await me.json()).username, `renews-${algorithm}`);
      }
    });
  }

  it("tells the end of a session from a passing failure", async () => {
    const config = await discover("watchword", openid.None());
    const { refreshToken: first } = await signIn(server.url, "passing");
    const { refresh_token: second } = await openid.refreshTokenGrant(config, first);
    const { refresh_token: third } = await openid.refreshTokenGrant(config, second);
    // Replaced twice, a moment ago: nothing is given, and nothing has ended.
    await assert.rejects(openid.refreshTokenGrant(config, first), { error: "temporarily_unavailable", status: 409 });
    const { refresh_token: fourth } = await openid.refreshTokenGrant(config, third);
    await openid.tokenRevocation(config, fourth);
    await assert.rejects(openid.refreshTokenGrant(config, fourth), { error: "invalid_grant", status: 400 });
    await openid.tokenRevocation(config, "what is no token");
  });

  for (const [name, by] of [["basic", openid.ClientSecretBasic], ["post", openid.ClientSecretPost]]) {
    it(`asks about tokens with client_secret_${name}`, async () => {
      const config = await discover("orders-api", by(orders.secret));
      const { accessToken, refreshToken } = await signIn(server.url, `asks-${name}`);
      const answer = await openid.tokenIntrospection(config, accessToken);
      assert.equal(answer.active, true);
      assert.equal(answer.username, `asks-${name}`);
      assert.deepEqual(answer.roles, ["user"]);
      await openid.tokenRevocation(await discover("watchword", openid.None()), refreshToken);
      assert.deepEqual(await openid.tokenIntrospection(config, accessToken), { active: false });
      assert.deepEqual(await openid.tokenIntrospection(config, refreshToken), { active: false });
    });
  }

  it("is refused with another secret", async () => {
    const config = await discover("orders-api", openid.ClientSecretBasic(`${orders.secret}x`));
    await assert.rejects(openid.tokenIntrospection(config, "x"), (error) => error.status === 401 || error.cause?.[0]?.scheme === "basic");
  });
});

describe("oauth4webapi", () => {
  const insecure = { [oauth.allowInsecureRequests]: true }; // http, on this machine
  const discover = async (algorithm) => {
    const issuer = new URL(server.url);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...insecure }));
  };
  const renew = async (as, client, token, key) => {
    const headers = key ? { "Idempotency-Key": key } : {};
    const answer = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), token, { headers, ...insecure });
    return oauth.processRefreshTokenResponse(as, client, answer);
  };
  const client = { client_id: "watchword" };

  it("renews, and the same request gets the same answer", async () => {
    const as = await discover("oauth2");
    const { refreshToken } = await signIn(server.url, "web");
    const one = await renew(as, client, refreshToken, "made before the first try");
    const two = await renew(as, client, refreshToken, "made before the first try");
    assert.equal(one.refresh_token, two.refresh_token);
    assert.notEqual(one.refresh_token, refreshToken);
    await assert.rejects(renew(as, client, "garbage"), { error: "invalid_grant", status: 400 });
  });

  it("validates access tokens by RFC 9068", async () => {
    const as = await discover("oidc");
    const { accessToken } = await signIn(server.url, "resource");
    const request = (token) => new Request("https://api.example.com/orders", { headers: { Authorization: `Bearer ${token}` } });
    const claims = await oauth.validateJwtAccessToken(as, request(accessToken), "watchword", insecure);
    assert.equal(claims.preferred_username, "resource");
    assert.equal(claims.client_id, "watchword");
    await assert.rejects(oauth.validateJwtAccessToken(as, request(accessToken), "another-api", insecure));
    await assert.rejects(oauth.validateJwtAccessToken(as, request(`${accessToken.slice(0, -4)}AAAA`), "watchword", insecure));
  });
});

describe("jose", () => {
  it("verifies with the key set that the metadata name", async () => {
    const metadata = await (await fetch(`${server.url}/.well-known/oauth-authorization-server`)).json();
    const { accessToken } = await signIn(server.url, "jose");
    const { payload, protectedHeader } = await jwtVerify(accessToken, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
      issuer: server.url,
      audience: "watchword",
      typ: "at+jwt",
      algorithms: ["ES256"],
      requiredClaims: ["sub", "client_id", "jti", "sid", "exp"],
    });
    assert.equal(payload.preferred_username, "jose");
    assert.equal(protectedHeader.alg, "ES256");
  });
});
