/**
 * Interceptors for axios.
 *
 * @module
 */
import { type AxiosInstance, type InternalAxiosRequestConfig, isAxiosError } from "axios";
import { wantsPassword } from "./authorize.js";
import type { Client } from "./client.js";

/**
 * Makes an axios instance send the access token to the origins that the client
 * trusts, renew it and send a request again once if the answer is 401. However
 * many requests are refused at once, one refresh is sent. Requests to other
 * origins, and all requests while nobody is signed in, go through as they are; so do
 * those that have an Authorization header. Returns what undoes it.
 */
export function attach(instance: AxiosInstance, client: Client): () => void {
  const sent = new WeakMap<InternalAxiosRequestConfig, string>(); // the token of each first try
  const signalOf = (config: InternalAxiosRequestConfig) => config.signal as AbortSignal | undefined;

  const request = instance.interceptors.request.use(async (config) => {
    if (config.headers.has("Authorization") || !client.trusts(instance.getUri(config))) return config;
    const token = await client.getAccessToken({ signal: signalOf(config) });
    if (token !== undefined) {
      config.headers.set("Authorization", `Bearer ${token}`);
      sent.set(config, token);
    }
    return config;
  });

  const response = instance.interceptors.response.use(undefined, async (error: unknown) => {
    const stale =
      isAxiosError(error) && error.response?.status === 401 && !wantsPassword(error.response.headers["www-authenticate"] as string);
    const config = stale ? error.config : undefined;
    const refused = config && sent.get(config);
    const token = refused && (await client.replace(refused, { signal: signalOf(config) }));
    if (!token) throw error;
    // It has a header of its own now, so it is not touched, nor tried, again.
    config.headers.set("Authorization", `Bearer ${token}`);
    return instance.request(config);
  });

  return () => {
    instance.interceptors.request.eject(request);
    instance.interceptors.response.eject(response);
  };
}
