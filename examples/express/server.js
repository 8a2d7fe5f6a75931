// A server that renders pages, with Express. Browsers reach everything by this
// server's address: pages from here, and sign-in from Watchword behind it, so that
// its cookie comes along when a page is asked for.
//
//	watchword serve --demo --issuer http://localhost:3000 --cookie-same-site lax
//	node express/server.js       → http://localhost:3000
import { createServerAuth } from "@watchword/client/server";
import express from "express";
import { request } from "node:http";
import { fileURLToPath } from "node:url";

const watchword = new URL(process.env.WATCHWORD ?? "http://localhost:8080");
const auth = createServerAuth({ baseURL: watchword.href });
const app = express();

// Sign-in, refresh and sign-out go through to Watchword as they are.
app.use(["/login", "/refresh", "/logout", "/api"], (incoming, outgoing) => {
  const { method, headers, originalUrl: path } = incoming;
  const onward = request({ host: watchword.hostname, port: watchword.port, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.status(502).end());
  incoming.pipe(onward);
});

app.use("/client", express.static(fileURLToPath(new URL("../node_modules/@watchword/client/dist", import.meta.url))));
app.use(express.static(fileURLToPath(new URL("public", import.meta.url))));

// Every page: refresh once, hand the cookies on whatever the page is, and render.
app.use(async (incoming, outgoing, next) => {
  const navigation = await auth.navigate(incoming, { ip: incoming.ip });
  for (const cookie of navigation.setCookie) outgoing.append("Set-Cookie", cookie);
  outgoing.set("Cache-Control", "private, no-store");
  if (navigation.again) return outgoing.redirect(307, incoming.originalUrl);
  incoming.auth = navigation;
  next();
});

app.get("/", async ({ auth }, outgoing) => {
  if (auth.status === "unknown")
    return outgoing
      .status(503)
      .set("Retry-After", "2")
      .send(page("One moment, please", "<p>Who you are cannot be found out at the moment. You are still signed in.</p>"));
  if (auth.status === "signed-out") return outgoing.send(page("Sign in", form));
  // On behalf of the user, from here: the token never enters the page.
  const answer = await fetch(new URL("/api/test/user", watchword), { headers: { Authorization: `Bearer ${auth.accessToken}` } });
  outgoing.send(
    page(
      "Orders",
      `<p>Signed in as <b>${escape(auth.user.username)}</b>.</p><p role="status">${escape(await answer.text())}</p><button id="sign-out">Sign out</button>`,
    ),
  );
});

const form = `
  <form id="sign-in">
    <label>Name <input name="username" autocomplete="username" required></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
    <button>Sign in</button>
    <p role="alert"></p>
  </form>`;

const page = (title, content) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "@watchword/client": "/client/index.js", "@watchword/client/storage": "/client/storage.js" } }</script>
<body>${content}<script type="module" src="/page.js"></script></body>
</html>`;

const escape = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const { PORT = 3000 } = process.env;
const listening = app.listen(PORT, () => console.log(`http://localhost:${listening.address().port}`));
