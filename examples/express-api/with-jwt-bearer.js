// An API with Express and express-oauth2-jwt-bearer that accepts Watchword's access
// tokens. It knows nothing of revocations, so what matters asks first.
import express from "express";
import { auth, claimCheck, InsufficientScopeError, InvalidTokenError } from "express-oauth2-jwt-bearer";
import { pathToFileURL } from "node:url";

/** Refuses tokens that are not alive at this moment: revoked, or of a user who changed. */
export function alive(issuer, id, secret) {
  const credentials = Buffer.from(`${id}:${secret}`).toString("base64");
  return async (request, _, next) => {
    const answer = await fetch(`${issuer}/oauth/introspect`, {
      method: "POST",
      headers: { Authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token: request.auth.token }),
    });
    if (!answer.ok) throw Object.assign(new Error(`Watchword answered ${answer.status}`), { status: 503 });
    const { active } = await answer.json();
    next(active ? undefined : new InvalidTokenError("The session has ended, or the user changed."));
  };
}

/** Requires one of the roles. */
const role = (...roles) =>
  claimCheck(({ roles: held }) => {
    if (roles.some((role) => held?.includes(role))) return true;
    throw new InsufficientScopeError(roles, "The access token does not carry the role that is needed here.");
  });

export function createAPI(issuer, audience, id, secret) {
  const app = express();
  app.use(auth({ issuerBaseURL: issuer, audience, strict: true, tokenSigningAlg: "ES256" }));
  app.get("/orders", ({ auth }, reply) => reply.send(`the orders of ${auth.payload.preferred_username}\n`));
  app.delete("/orders/:id", role("admin"), alive(issuer, id, secret), ({ auth, params }, reply) =>
    reply.send(`${auth.payload.preferred_username} deleted order ${params.id}\n`),
  );
  return app;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { ISSUER = "http://localhost:8080", AUDIENCE = "watchword", CLIENT_ID, CLIENT_SECRET } = process.env;
  createAPI(ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET).listen(3000, "127.0.0.1", () => console.log("http://127.0.0.1:3000"));
}
