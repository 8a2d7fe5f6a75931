// axios: one line gives an instance the access token and the renewal.
import { createClient } from "@watchword/client";
import { attach } from "@watchword/client/axios";
import axios from "axios";

const client = createClient({ baseURL: SERVER, delivery: "cookie" });
const api = axios.create({ baseURL: SERVER });
attach(api, client);

const find = (selector) => document.querySelector(selector);

function show({ status, user }) {
  find("#sign-in").hidden = status !== "signed-out";
  find("main").hidden = status !== "signed-in";
  find("#name").textContent = user?.username ?? "";
}
client.onChange(show);
show(client.state);
client.ready();

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
  try {
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.get("/api/test/user")));
    find("#answer").textContent = `${answers.length} times: ${answers[0].data}`;
  } catch (error) {
    find("#answer").textContent = error.message;
  }
});
