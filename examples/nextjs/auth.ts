import { createServerAuth } from "@watchword/client/server";

/** Where this server reaches Watchword. */
export const watchword = process.env.WATCHWORD ?? "http://localhost:8080";

export const auth = createServerAuth({ baseURL: watchword });
