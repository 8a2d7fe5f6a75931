// As in the tutorials: the access token goes out with each request, and a 401 is
// answered by a refresh with the refresh token that sign-in gave, for ever the same.
import axios from "axios";
import { tokens } from "./tokens.js";

export const api = axios.create({ baseURL: `${SERVER}/api` });

api.interceptors.request.use((config) => {
  const token = tokens.accessToken();
  if (token) config.headers["x-access-token"] = token;
  return config;
});

api.interceptors.response.use(undefined, async (error) => {
  const { config, response } = error;
  if (config.url === "/auth/signin" || response?.status !== 401 || config.retried) throw error;
  config.retried = true;
  const { data } = await api.post("/auth/refreshtoken", { refreshToken: tokens.refreshToken() });
  tokens.setAccessToken(data.accessToken);
  return api(config);
});

export async function signIn(username, password) {
  const { data } = await api.post("/auth/signin", { username, password });
  tokens.set(data);
  return data;
}
