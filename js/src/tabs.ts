import type { EndReason } from "./errors.js";
import type { User } from "./session.js";

/** What one tab tells the others. */
export type News =
  /** I have a new access token, good for `left` milliseconds of its `life`. `begun`: the session is new. */
  | { kind: "token"; token: string; left: number; life: number; sessionId: string; user: User; begun: boolean }
  /** The session has ended. */
  | { kind: "ended"; sessionId: string | undefined; reason: EndReason | undefined }
  /** I am about to sign in or out. Drop what is on its way: its cookie could overwrite mine. */
  | { kind: "aside" };

/**
 * The other tabs of this browser. They spare each other requests; nothing is wrong
 * if they never hear of each other.
 */
export interface Tabs {
  tell(news: News): void;
  close(): void;
}

/** Joins the tabs that use the same name, if there is a way. */
export function joinTabs(name: string, hear: (news: News) => void): Tabs {
  if (typeof BroadcastChannel === "undefined") return { tell() {}, close() {} };
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => hear(data);
  (channel as { unref?: () => void }).unref?.(); // Node: do not keep the program alive
  let open = true;
  return {
    tell: (news) => {
      if (open) channel.postMessage(news);
    },
    close: () => {
      open = false;
      channel.close();
    },
  };
}
