// What the tutorials' front ends keep in localStorage under "user".
const read = () => JSON.parse(localStorage.getItem("user") ?? "null");
const write = (user) => localStorage.setItem("user", JSON.stringify(user));

export const tokens = {
  user: read,
  accessToken: () => read()?.accessToken,
  refreshToken: () => read()?.refreshToken,
  set: write,
  setAccessToken: (accessToken) => write({ ...read(), accessToken }),
  remove: () => localStorage.removeItem("user"),

  // New for rotation: both tokens, and a request key for the next refresh, in one write.
  requestKey: () => read()?.requestKey,
  replace: ({ accessToken, refreshToken }) => {
    const changed = refreshToken !== read()?.refreshToken;
    write({ ...read(), accessToken, refreshToken, ...(changed && { requestKey: crypto.randomUUID() }) });
  },
};
