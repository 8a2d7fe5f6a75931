"use client";

import { type Client, createClient } from "@watchword/client";
import { cookieStorage } from "@watchword/client/storage";
import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";

let made: Client | undefined;

/** The page's own client, made in the browser only. It shares the request key with the server, by a cookie. */
const client = () => (made ??= createClient({ baseURL: "/", delivery: "cookie", storage: cookieStorage() }));

export function SignIn() {
  const router = useRouter();
  const [trouble, setTrouble] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      await client().signIn({ username: String(form.get("username")), password: String(form.get("password")) });
      router.refresh();
    } catch (error) {
      setTrouble((error as Error).message);
    }
  };
  return (
    <form onSubmit={submit}>
      <label>
        Name <input name="username" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button>Sign in</button>
      <p role="alert">{trouble}</p>
    </form>
  );
}

export function SignOut() {
  const router = useRouter();
  const leave = async () => {
    await client().signOut();
    router.refresh();
  };
  return <button onClick={leave}>Sign out</button>;
}
