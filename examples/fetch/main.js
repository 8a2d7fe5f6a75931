// No framework: the client, and fetch with the access token.
import { createClient } from "@watchword/client";
import { withAuth } from "@watchword/client/fetch";

const client = createClient({ baseURL: SERVER, delivery: "cookie" });
const find = (selector) => document.querySelector(selector);

// For a library that takes a fetch of its own; client.fetch is the same for one's own calls.
const fetch = withAuth(client);

function show({ status, user, reason }) {
  find("#sign-in").hidden = status !== "signed-out";
  find("main").hidden = status !== "signed-in";
  find("#name").textContent = user?.username ?? "";
  find("[role=alert]").textContent = reason && reason !== "signed_out" ? `You were signed out: ${reason}.` : "";
}
client.onChange(show);
show(client.state);
client.ready(); // after a reload: is somebody signed in?

find("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(event.target));
  try {
    await client.signIn({ username, password });
    event.target.reset();
  } catch (error) {
    find("[role=alert]").textContent = error.message;
  }
});

find("#sign-out").addEventListener("click", () => client.signOut());

find("#ask").addEventListener("click", async () => {
  const response = await fetch(`${SERVER}/api/test/user`);
  find("#answer").textContent = response.ok ? await response.text() : `The server said ${response.status}.`;
});
