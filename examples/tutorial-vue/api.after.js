// The same with rotation. Three things are new, each marked: nothing else is.
import axios from "axios";
import { tokens } from "./tokens.js";

export const api = axios.create({ baseURL: `${SERVER}/api` });

api.interceptors.request.use((config) => {
  const token = tokens.accessToken();
  if (token) config.headers["x-access-token"] = token;
  return config;
});

let refreshing; // 1: one refresh, however many requests wait for it

const refresh = () =>
  // 2: with a request key, a refresh whose answer was lost may be sent again
  api.post(
    "/auth/refreshtoken",
    { refreshToken: tokens.refreshToken() },
    { headers: { "Idempotency-Key": tokens.requestKey() } },
  );

api.interceptors.response.use(undefined, async (error) => {
  const { config, response } = error;
  if (config.url === "/auth/signin" || response?.status !== 401 || config.retried) throw error;
  config.retried = true;
  refreshing ??= refresh().finally(() => (refreshing = undefined)); // 1
  const { data } = await refreshing;
  tokens.replace(data); // 3: keep the refresh token that comes back
  return api(config);
});

export async function signIn(username, password) {
  const { data } = await api.post("/auth/signin", { username, password });
  tokens.set({ ...data, requestKey: crypto.randomUUID() }); // 2
  return data;
}
