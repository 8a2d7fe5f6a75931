// Follows what Watchword revoked lately: the sessions that ended, and the users whose
// roles, password or block changed. See https://pkg.go.dev/…/verify for the format.
import { jwtVerify } from "jose";
import { createHash } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";

const digest = (kind, id) =>
  createHash("sha256").update(`watchword/revocation/${kind}/1${id}`).digest().subarray(0, 12).toString("base64url");

const minute = 60_000;
const clocksDiffer = minute; // by this much at most
const newsWithin = 10_000; // there is a heartbeat every two seconds

export class Revocations {
  #sessions = new Map(); // digest → until when it is kept
  #users = new Map(); // digest → { epoch, until }
  #asOf = 0;
  #heard = 0;
  #stopping = new AbortController();

  constructor(address, issuer, keys) {
    Object.assign(this, { address, issuer, keys });
  }

  /** Resolves when the first news are there, at the latest after some seconds, and goes on in the background. */
  async start(wait = 3000) {
    const first = new Promise((resolve) => (this.#first = resolve));
    this.#follow();
    await Promise.race([first, rest(wait, undefined, { ref: false })]);
    return this;
  }
  #first = () => {};

  stop() {
    this.#stopping.abort();
  }

  /** Whether there were news lately. If not, what was revoked meanwhile is not known. */
  get fresh() {
    return Date.now() - this.#heard < newsWithin;
  }

  /** Why the token of these claims is refused, or undefined. */
  refusal({ sid, sub, epoch }) {
    if (this.#sessions.has(digest("session", sid))) return "revoked_token";
    if ((epoch ?? 0) < (this.#users.get(digest("user", sub))?.epoch ?? 0)) return "stale_token";
    return undefined;
  }

  async #follow() {
    const { signal } = this.#stopping;
    for (let pause = 200; !signal.aborted; pause = Math.min(2 * pause, 5000)) {
      try {
        await this.#stream(signal, () => (pause = 200));
      } catch (error) {
        if (!signal.aborted) console.warn(`no news of revocations from ${this.address}:`, error.message);
      }
      await rest(pause, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #stream(signal, good) {
    const silence = new AbortController();
    let timer;
    const awake = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error("it fell silent")), newsWithin);
    };
    awake();
    try {
      const answer = await fetch(this.address, {
        headers: { Accept: "text/event-stream" },
        signal: AbortSignal.any([signal, silence.signal]),
      });
      if (answer.status !== 200) throw new Error(`it answered ${answer.status}`);
      let text = "";
      for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
        text += part;
        for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
          const data = text.slice(0, end).match(/^data: (.*)$/m);
          if (!data) continue;
          await this.#take(data[1]);
          awake();
          good();
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Believes a document that the issuer signed lately, and unites it with what is held: nothing is un-revoked. */
  async #take(document) {
    const { payload } = await jwtVerify(document, this.keys, { issuer: this.issuer, typ: "watchword-revocations+jwt", clockTolerance: 60 });
    const now = Date.now();
    if (payload.as_of < this.#asOf - 1000 || Math.abs(payload.as_of - now) > clocksDiffer) throw new Error("a replay, or clocks that differ");
    this.#asOf = Math.max(this.#asOf, payload.as_of);
    if (payload.full) {
      const until = now + payload.window * 1000 + 2 * minute;
      for (const session of payload.sessions ?? []) this.#sessions.set(session, until);
      for (const [user, epoch] of Object.entries(payload.users ?? {})) {
        if (epoch > (this.#users.get(user)?.epoch ?? 0)) this.#users.set(user, { epoch, until });
      }
      for (const [session, end] of this.#sessions) if (end < now) this.#sessions.delete(session);
      for (const [user, { until: end }] of this.#users) if (end < now) this.#users.delete(user);
    }
    this.#heard = now;
    this.#first();
  }
}
