/** What the types promise. tsc checks it; nothing runs but one line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Client,
  type State,
  type User,
  createClient,
  isSignedOut,
  isUnavailable,
  isWatchwordError,
} from "@watchword/client";
import { attach } from "@watchword/client/axios";
import { withAuth } from "@watchword/client/fetch";
import { type Auth as ReactAuth, AuthProvider, Guard } from "@watchword/client/react";
import { type Navigation, createServerAuth } from "@watchword/client/server";
import { cookieStorage } from "@watchword/client/storage";
import { type Auth as VueAuth, authGuard, createAuth } from "@watchword/client/vue";
import type { AxiosInstance } from "axios";
import type { Plugin } from "vue";
import type { NavigationGuard, RouteMeta } from "vue-router";

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_ extends true>(): void {}

export async function promises(client: Client, axios: AxiosInstance, error: unknown): Promise<void> {
  holds<Equals<typeof client.user, User | undefined>>();
  holds<Equals<Awaited<ReturnType<Client["getAccessToken"]>>, string | undefined>>();
  holds<Equals<Awaited<ReturnType<Client["ready"]>>, State>>();
  holds<Equals<typeof client.fetch, typeof globalThis.fetch>>();
  holds<Equals<ReturnType<typeof withAuth>, typeof globalThis.fetch>>();
  holds<Equals<ReturnType<typeof createAuth>, Plugin>>();
  holds<Equals<ReturnType<typeof authGuard>, NavigationGuard>>();
  holds<Equals<ReturnType<typeof attach>, () => void>>();
  holds<Equals<RouteMeta["auth"], boolean | string | undefined>>();

  // The user is there exactly when somebody is signed in.
  const { state } = client;
  if (state.status === "signed-in") holds<Equals<typeof state.user, User>>();
  else holds<Equals<typeof state.user, undefined>>();
  const auth = {} as ReactAuth;
  if (auth.status === "signed-in") auth.user.username satisfies string;
  ({}) as VueAuth satisfies { hasRole(role: string): boolean };

  if (isWatchwordError(error)) error.code satisfies string;
  if (isUnavailable(error)) error.retryAfter satisfies number | undefined;
  if (isSignedOut(error) && error.reason === "user_blocked") error.status satisfies number | undefined;

  createClient({ baseURL: "https://x.example", delivery: "body", storage: localStorage });
  createClient({
    baseURL: "https://x.example",
    delivery: "cookie",
    storage: cookieStorage(),
    resources: ["https://api.example"],
  });
  await client.signIn({ username: "ada", password: "…" }, { signal: AbortSignal.timeout(1) });
  await client.signOut({ scope: "others" });
  attach(axios, client);
  Guard({ signIn: null, role: "admin" });
  AuthProvider({ client });
  const page: Navigation = await createServerAuth({ baseURL: "http://internal:8080" }).navigate(
    new Request("https://x.example"),
    { ip: "192.0.2.1" },
  );
  page.accessToken satisfies string | undefined;

  // @ts-expect-error a delivery must be chosen
  createClient({ baseURL: "https://x.example" });
  // @ts-expect-error there are two
  createClient({ baseURL: "https://x.example", delivery: "header" });
  // @ts-expect-error a name or an address, with a password
  await client.signIn({ username: "ada" });
  // @ts-expect-error this, others or all
  await client.signOut({ scope: "everything" });
  // @ts-expect-error what is known is not for writing
  client.state = { status: "unknown" };
  // @ts-expect-error what to show to strangers must be said
  Guard({ role: "admin" });
  // @ts-expect-error the token of a navigation is not always there
  page.accessToken.length;
}

test("the types hold", () => assert.equal(typeof promises, "function"));
