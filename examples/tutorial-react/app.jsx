// A front end in the manner of the tutorials: React, axios, localStorage.
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { tokens } from "./tokens.js";

export function start({ api, signIn }) {
  function SignIn({ onSignIn }) {
    const [trouble, setTrouble] = useState("");
    const submit = async (event) => {
      event.preventDefault();
      const { username, password } = Object.fromEntries(new FormData(event.currentTarget));
      try {
        onSignIn(await signIn(username, password));
      } catch (error) {
        setTrouble(error.response?.data?.message ?? error.message);
      }
    };
    return (
      <form onSubmit={submit}>
        <label>
          Name <input name="username" />
        </label>
        <label>
          Password <input name="password" type="password" />
        </label>
        <button>Sign in</button>
        <p role="alert">{trouble}</p>
      </form>
    );
  }

  function Board({ user, onSignOut }) {
    const [answer, setAnswer] = useState("");
    const ask = async () => {
      try {
        const answers = await Promise.all(Array.from({ length: 3 }, () => api.get("/test/user")));
        setAnswer(answers[0].data);
      } catch (error) {
        // As the tutorials do it: a refresh that is refused signs out.
        if (error.response?.status === 403) onSignOut();
        setAnswer(error.response?.data?.message ?? error.message);
      }
    };
    return (
      <main>
        <p>
          Signed in as <b>{user.username}</b> ({user.roles.join(", ")}).
        </p>
        <button onClick={ask}>Ask for something protected</button>
        <p role="status">{answer}</p>
      </main>
    );
  }

  function App() {
    const [user, setUser] = useState(tokens.user());
    const signOut = () => {
      tokens.remove();
      setUser(null);
    };
    return user ? <Board user={user} onSignOut={signOut} /> : <SignIn onSignIn={setUser} />;
  }

  createRoot(document.getElementById("app")).render(<App />);
}
