/**
 * For Vue 3: a plugin, a composable, and a guard for Vue Router.
 *
 * @module
 */
import { type ComputedRef, type InjectionKey, type Plugin, type Ref, computed, inject, readonly, shallowRef } from "vue";
import type { NavigationGuard, RouteLocationRaw } from "vue-router";
import type { Client } from "./client.js";
import { type State, type User, hasRole } from "./session.js";

declare module "vue-router" {
  interface RouteMeta {
    /** true: for who is signed in. A name: for who has that role. */
    auth?: boolean | string;
  }
}

/** What {@link useAuth} gives: the state, and what one can do. */
export interface Auth {
  readonly client: Client;
  readonly state: Readonly<Ref<State>>;
  readonly status: ComputedRef<State["status"]>;
  readonly user: ComputedRef<User | undefined>;
  readonly signIn: Client["signIn"];
  readonly signUp: Client["signUp"];
  readonly signOut: Client["signOut"];
  /** Whether who is signed in has a role. */
  hasRole(role: string): boolean;
}

const injection: InjectionKey<Auth> = Symbol("watchword");

/** A plugin that makes a client known to all components, and finds out who is signed in. */
export function createAuth(client: Client): Plugin {
  return {
    install(app) {
      const state = shallowRef(client.state);
      const stop = client.onChange((next) => (state.value = next));
      app.onUnmount?.(stop);
      const { signIn, signUp, signOut } = client;
      const user = computed(() => state.value.user);
      app.provide(injection, {
        client,
        state: readonly(state) as Readonly<Ref<State>>,
        status: computed(() => state.value.status),
        user,
        signIn,
        signUp,
        signOut,
        hasRole: (role) => hasRole(user.value, role),
      });
      // On a server that renders nobody knows who it is for.
      if (typeof window !== "undefined") client.ready().catch((error: unknown) => console.error(error));
    },
  };
}

/** Who is signed in, and how to change that. */
export function useAuth(): Auth {
  const auth = inject(injection, undefined);
  if (!auth) throw new Error("useAuth needs app.use(createAuth(client))");
  return auth;
}

/** Where {@link authGuard} sends people. */
export interface AuthGuardOptions {
  /** Where to sign in. The address that was asked for is added as `?returnTo=`. */
  signIn: string;
  /** Where to send who lacks a role. Default: they stay where they are. */
  forbidden?: RouteLocationRaw;
}

/**
 * A guard for `router.beforeEach` that lets through to routes with `meta.auth` who
 * is signed in and, if it names one, has the role. It guards what is seen; what
 * the server gives out the server has to guard.
 */
export function authGuard(client: Client, { signIn, forbidden }: AuthGuardOptions): NavigationGuard {
  return async (to) => {
    const { auth } = to.meta;
    if (!auth) return true;
    const { status, user } = await client.ready();
    if (status !== "signed-in") return { path: signIn, query: { returnTo: to.fullPath } };
    return auth === true || hasRole(user, auth) ? true : (forbidden ?? false);
  };
}
