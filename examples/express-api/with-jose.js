// An API with Express and jose that accepts Watchword's access tokens.
import express from "express";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { pathToFileURL } from "node:url";
import { Revocations } from "./revocations.js";

/** Makes the middleware for an issuer and an audience: guard() and guard("admin", "moderator"). */
export async function createGuard(issuer, audience) {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  if (metadata.issuer !== issuer) throw new Error(`the issuer is ${metadata.issuer}, not ${issuer}`);
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const revocations = await new Revocations(metadata.watchword_revocations_uri, issuer, keys).start();

  const refuse = (reply, status, code, error) => {
    if (status !== 503) reply.set("WWW-Authenticate", `Bearer realm="watchword"${error ? `, error="${error}"` : ""}`);
    reply.status(status).set("Cache-Control", "no-store").json({ status, code, message: code });
  };
  const guard = (...roles) => async (request, reply, next) => {
    const token = request.get("Authorization")?.match(/^Bearer +(\S+)$/i)?.[1];
    if (!token) return refuse(reply, 401, "no_token");
    let claims;
    try {
      ({ payload: claims } = await jwtVerify(token, keys, {
        issuer,
        audience,
        typ: "at+jwt",
        algorithms: ["ES256", "Ed25519", "RS256"],
        requiredClaims: ["sub", "client_id", "jti", "iat", "exp"],
      }));
    } catch (error) {
      if (error instanceof errors.JWTExpired) return refuse(reply, 401, "expired_token", "invalid_token");
      // The keys could not be fetched: nobody's token is at fault, so nobody is signed out.
      if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout) return refuse(reply, 503, "keys_unavailable");
      return refuse(reply, 401, "invalid_token", "invalid_token");
    }
    const why = revocations.refusal(claims);
    if (why) return refuse(reply, 401, why, "invalid_token");
    if (roles.length && !roles.some((role) => claims.roles?.includes(role))) return refuse(reply, 403, "missing_role", "insufficient_scope");
    request.claims = claims;
    next();
  };
  return Object.assign(guard, { stop: () => revocations.stop() });
}

export function createAPI(guard) {
  const app = express();
  app.get("/orders", guard(), (request, reply) => reply.send(`the orders of ${request.claims.preferred_username}\n`));
  app.delete("/orders/:id", guard("admin"), (request, reply) =>
    reply.send(`${request.claims.preferred_username} deleted order ${request.params.id}\n`),
  );
  return app;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const guard = await createGuard(process.env.ISSUER ?? "http://localhost:8080", process.env.AUDIENCE ?? "watchword");
  createAPI(guard).listen(3000, "127.0.0.1", () => console.log("http://127.0.0.1:3000"));
}
