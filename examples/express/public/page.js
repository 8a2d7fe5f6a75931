// The page's own script: it signs in and out, and shares the request key with the
// server that renders, by a cookie.
import { createClient } from "@watchword/client";
import { cookieStorage } from "@watchword/client/storage";

const client = createClient({ baseURL: "/", delivery: "cookie", storage: cookieStorage() });
window.client = client; // for the console

document.querySelector("#sign-in")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(event.target));
  try {
    await client.signIn({ username, password });
    location.reload();
  } catch (error) {
    document.querySelector("[role=alert]").textContent = error.message;
  }
});

document.querySelector("#sign-out")?.addEventListener("click", async () => {
  await client.signOut();
  location.reload();
});
