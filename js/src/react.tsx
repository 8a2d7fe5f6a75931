/**
 * For React: a provider, a hook, and a guard. Any router will do.
 *
 * @module
 */
import { type ReactNode, createContext, useContext, useEffect, useMemo, useSyncExternalStore } from "react";
import type { Client } from "./client.js";
import { type State, hasRole } from "./session.js";

const Context = createContext<Client | undefined>(undefined);
const unknown: State = { status: "unknown" };

/** Makes a client known to everything inside, and finds out who is signed in. */
export function AuthProvider({ client, children }: { client: Client; children?: ReactNode }): ReactNode {
  useEffect(() => {
    const stop = new AbortController();
    client.ready({ signal: stop.signal }).catch((error: unknown) => {
      if (!stop.signal.aborted) console.error(error); // set up wrongly: an origin that is not allowed, perhaps
    });
    return () => stop.abort();
  }, [client]);
  return <Context.Provider value={client}>{children}</Context.Provider>;
}

/** What {@link useAuth} gives: the state, and what one can do. */
export type Auth = State & {
  readonly client: Client;
  readonly signIn: Client["signIn"];
  readonly signUp: Client["signUp"];
  readonly signOut: Client["signOut"];
  /** Whether who is signed in has a role. */
  hasRole(role: string): boolean;
};

/** Who is signed in, and how to change that. The component is rendered again when it changes. */
export function useAuth(): Auth {
  const client = useContext(Context);
  if (!client) throw new Error("useAuth needs an <AuthProvider> around the component");
  const state = useSyncExternalStore(
    client.onChange,
    () => client.state,
    () => unknown, // nobody knows on the server that renders
  );
  return useMemo(() => {
    const { signIn, signUp, signOut } = client;
    return { ...state, client, signIn, signUp, signOut, hasRole: (role: string) => hasRole(state.user, role) };
  }, [client, state]);
}

/** What {@link Guard} shows, and when. */
export interface GuardProps {
  /** Shown to who is signed in and, if a role is named, has it. */
  children?: ReactNode;
  /** The role that is needed. */
  role?: string;
  /** Shown to who is not signed in: a sign-in form, or your router's redirect to one. */
  signIn: ReactNode;
  /** Shown to who lacks the role. Default: nothing. */
  forbidden?: ReactNode;
  /** Shown until it is known who is signed in. Default: nothing. */
  pending?: ReactNode;
}

/**
 * Shows its children to the right people. It guards what is seen; what the server
 * gives out the server has to guard.
 */
export function Guard({ children, role, signIn, forbidden, pending }: GuardProps): ReactNode {
  const { status, hasRole } = useAuth();
  if (status === "unknown") return pending;
  if (status === "signed-out") return signIn;
  return role && !hasRole(role) ? forbidden : children;
}
