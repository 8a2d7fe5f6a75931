import { createHash, randomBytes } from "node:crypto";

/** A request as it arrives at the server. */
export interface Arrival {
  method: string;
  path: string;
  headers: Headers;
  body: Record<string, unknown>;
  cookie: string | undefined;
}

/** An answer as it leaves the server. `cookie`: what Set-Cookie says, "" to remove it. */
export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
  cookie?: string;
}

export interface Policy {
  rotation: boolean;
  minAge: number;
  retryWindow: number;
  accessTTL: number;
}

interface Row {
  id: string;
  user: Member;
  delivery: "body" | "cookie";
  generation: number;
  rotatedAt: number;
  emittedAt: number;
  requestKey: string;
  ended: string | undefined;
}

interface Member {
  id: string;
  username: string;
  email: string;
  password: string;
  roles: string[];
  epoch: number;
}

/**
 * A sign-in server in memory that judges refreshes as session/judge.go does, row by
 * row, and answers as package httpapi does. Restarting, failing and losing things
 * is the network's part.
 */
export class FakeServer {
  readonly policy: Policy = { rotation: true, minAge: 30_000, retryWindow: 15_000, accessTTL: 600_000 };
  readonly users = new Map<string, Member>();
  readonly rows = new Map<string, Row>();
  readonly verdicts: string[] = [];
  readonly arrivals: Arrival[] = [];
  /** If set, answers instead of the server: a proxy in front, or a fault. */
  interfere: ((arrival: Arrival) => Answer | undefined) | undefined;

  readonly #now: () => number;
  constructor(now: () => number) {
    this.#now = now;
  }

  addUser(username: string, password: string, roles = ["ROLE_USER"]): Member {
    const user = { id: `id-${username}`, username, email: `${username}@example.org`, password, roles, epoch: 1 };
    this.users.set(username, user);
    return user;
  }

  end(reason: string, only?: string): void {
    for (const row of this.rows.values()) if (!only || row.id === only) row.ended ??= reason;
  }

  count(path: string): number {
    return this.arrivals.filter((arrival) => arrival.path === path).length;
  }

  answer(arrival: Arrival): Answer {
    this.arrivals.push(arrival);
    const interference = this.interfere?.(arrival);
    if (interference) return interference;
    const path = arrival.path.split("?")[0]!;
    switch (`${arrival.method} ${path}`) {
      case "POST /api/auth/signup":
        return this.#signUp(arrival.body);
      case "POST /login":
        return this.#signIn(arrival.body, "cookie");
      case "POST /api/auth/signin":
        return this.#signIn(arrival.body, "body");
      case "POST /refresh":
        return this.#refresh(arrival.cookie, "cookie", arrival.headers.get("Idempotency-Key") ?? "");
      case "POST /api/auth/refreshtoken":
        return this.#refresh(arrival.body["refreshToken"] as string, "body", arrival.headers.get("Idempotency-Key") ?? "");
      case "POST /logout":
        return this.#signOut(arrival, arrival.cookie);
      case "POST /api/auth/signout":
        return this.#signOut(arrival, arrival.body["refreshToken"] as string | undefined);
      default:
        return this.#protected(arrival, path);
    }
  }

  #signUp(body: Record<string, unknown>): Answer {
    const username = body["username"] as string;
    if (this.users.has(username))
      return problem(400, "username_taken", { message: "Failed! Username is already in use!", field: "username" });
    const { id, email, roles } = this.addUser(username, body["password"] as string);
    return { status: 200, body: { message: "User was registered successfully!", id, username, email, roles } };
  }

  #signIn(body: Record<string, unknown>, delivery: "body" | "cookie"): Answer {
    const user = [...this.users.values()].find((user) => user.username === body["username"] || user.email === body["email"]);
    if (!user || user.password !== body["password"]) return problem(401, "credentials_wrong", { message: "Wrong." });
    const handle = randomBytes(16).toString("hex");
    const now = this.#now();
    const row: Row = {
      id: digest(handle),
      user,
      delivery,
      generation: 1,
      rotatedAt: now,
      emittedAt: now,
      requestKey: "",
      ended: undefined,
    };
    this.rows.set(row.id, row);
    return this.#grant(row, handle, true);
  }

  #refresh(token: string | undefined, delivery: "body" | "cookie", key: string): Answer {
    if (!token) return refused(403, "refresh_token_required", "ended");
    const [handle, generation, sealed] = token.split(".");
    const row = this.rows.get(digest(handle!));
    if (!row || sealed !== delivery) return { ...refused(403, "refresh_token_unknown", "ended", "unknown"), cookie: "" };
    const verdict = this.#judge(row, Number(generation), key);
    this.verdicts.push(verdict);
    switch (verdict) {
      case "ended":
        return { ...refused(403, "session_ended", "ended", row.ended), cookie: "" };
      case "straggler":
        return refused(409, "refresh_straggler", "alive");
      case "ahead":
        return { ...refused(503, "refresh_ahead", "alive"), headers: { "Retry-After": "60" } };
      case "reuse":
        row.ended = "reuse_detected";
        return { ...refused(403, "session_ended", "ended", "reuse_detected"), cookie: "" };
      default:
        return this.#grant(row, handle!, row.generation !== Number(generation));
    }
  }

  #judge(row: Row, presented: number, key: string): string {
    const now = this.#now();
    const { minAge, retryWindow, rotation } = this.policy;
    if (row.ended) return "ended";
    if (presented > row.generation + 1) return "ahead";
    if (presented === row.generation + 1) Object.assign(row, { generation: presented, requestKey: "" }); // heal
    if (presented === row.generation) {
      if (now - row.emittedAt < minAge) return "keep";
      row.emittedAt = now;
      if (!rotation) return "keep";
      Object.assign(row, { generation: presented + 1, rotatedAt: now, requestKey: key });
      return "rotate";
    }
    const fresh = now - row.rotatedAt <= retryWindow;
    if (presented + 1 === row.generation && row.requestKey === key && (key || fresh)) {
      row.emittedAt = now;
      return "replay";
    }
    return fresh ? "straggler" : "reuse";
  }

  #grant(row: Row, handle: string, renewed: boolean): Answer {
    const { id, username, email, roles, epoch } = row.user;
    const token = `${handle}.${row.generation}.${row.delivery}`;
    const accessToken = `access.${row.id}.${epoch}.${this.#now() + this.policy.accessTTL}.${randomBytes(4).toString("hex")}`;
    return {
      status: 200,
      body: {
        id,
        username,
        email,
        roles,
        accessToken,
        renewed,
        tokenType: "Bearer",
        expiresIn: this.policy.accessTTL / 1000,
        serverTime: "2026-11-21T00:00:00.000Z",
        sessionId: row.id,
        ...(row.delivery === "body" && { refreshToken: token }),
      },
      ...(row.delivery === "cookie" && renewed && { cookie: token }),
    };
  }

  #signOut({ path }: Arrival, token: string | undefined): Answer {
    const row = token ? this.rows.get(digest(token.split(".")[0]!)) : undefined;
    const scope = new URL(path, "http://x").searchParams.get("scope");
    for (const other of this.rows.values()) {
      if (!row || other.user !== row.user) continue;
      if (scope === "all" || (scope === "others") === (other !== row))
        other.ended ??= scope === "others" ? "ended_by_user" : "signed_out";
    }
    return { status: 200, body: { message: "Done." }, ...(scope !== "others" && { cookie: "" }) };
  }

  /** What a resource server answers, this one's own routes included. */
  #protected(arrival: Arrival, path: string): Answer {
    const token = arrival.headers.get("Authorization")?.replace(/^Bearer /, "");
    if (!token) return problem(401, "no_token");
    const [, id, epoch, expires] = token.split(".");
    const row = this.rows.get(id!);
    if (!row) return problem(401, "invalid_token");
    if (this.#now() >= Number(expires)) return problem(401, "expired_token");
    if (row.ended) return problem(401, "revoked_token");
    if (Number(epoch) < row.user.epoch) return problem(401, "stale_token");
    switch (`${arrival.method} ${path}`) {
      case "GET /api/auth/sessions": {
        const rows = [...this.rows.values()].filter((other) => other.user === row.user && !other.ended);
        return { status: 200, body: { sessions: rows.map((other) => ({ id: other.id, current: other === row })) } };
      }
      case "PUT /api/auth/password":
        if (arrival.body["currentPassword"] !== row.user.password) return problem(403, "password_wrong");
        row.user.password = arrival.body["newPassword"] as string;
        row.user.epoch++;
        return { status: 200, body: { message: "Done." } };
      case "GET /orders":
      case "POST /orders":
        return { status: 200, body: { orders: [], echo: arrival.body } };
    }
    if (arrival.method === "DELETE" && path.startsWith("/api/auth/sessions/")) {
      this.end("ended_by_user", path.split("/").at(-1));
      return { status: 204, body: undefined };
    }
    return problem(404, "not_found");
  }
}

export function problem(status: number, code: string, more: Record<string, unknown> = {}): Answer {
  return { status, body: { status, code, message: code, ...more } };
}

function refused(status: number, code: string, session: string, reason?: string): Answer {
  return problem(status, code, { session, reason });
}

function digest(handle: string): string {
  return createHash("sha256").update(handle).digest("hex").slice(0, 32);
}
