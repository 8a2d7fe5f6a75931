// React: a provider around everything, a hook where one is needed, a guard around what not all may see.
import { createClient } from "@watchword/client";
import { AuthProvider, Guard, useAuth } from "@watchword/client/react";
import { type FormEvent, useState } from "react";
import { createRoot } from "react-dom/client";

declare const SERVER: string;

const client = createClient({ baseURL: SERVER, delivery: "cookie" });

function SignIn() {
  const { signIn, reason } = useAuth();
  const [trouble, setTrouble] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      await signIn({ username: String(form.get("username")), password: String(form.get("password")) });
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
      <p role="alert">{trouble || (reason && reason !== "signed_out" && `You were signed out: ${reason}.`)}</p>
    </form>
  );
}

function Orders() {
  const { user, client, signOut } = useAuth();
  const [answer, setAnswer] = useState("");
  const ask = async () => {
    const response = await client.fetch(`${SERVER}/api/test/user`);
    setAnswer(response.ok ? await response.text() : `The server said ${response.status}.`);
  };
  return (
    <main>
      <p>
        Signed in as <b>{user?.username}</b>.
      </p>
      <button onClick={ask}>Ask for something protected</button>
      <button onClick={() => signOut()}>Sign out</button>
      <p role="status">{answer}</p>
      <Guard role="admin" signIn={null} forbidden={<p>There is more here for administrators.</p>}>
        <p>The administrator's corner.</p>
      </Guard>
    </main>
  );
}

createRoot(document.getElementById("app")!).render(
  <AuthProvider client={client}>
    <Guard signIn={<SignIn />} pending={<p>One moment…</p>}>
      <Orders />
    </Guard>
  </AuthProvider>,
);
