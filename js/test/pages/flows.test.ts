/** The server's own pages, used as people use them, against the real server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { type Site, openSite } from "../support/site.js";
import { folders } from "../support/stage.js";
import { Watchword, rest, root } from "../support/watchword.js";
import { Visitor, launch, password } from "./visitor.js";

test("the pages embed the client that js builds", () => {
  execFileSync(process.execPath, [join(root, "js/tools/embed.mjs"), "--check"], { stdio: "pipe" });
});

describe("the pages", () => {
  let browser: Browser;
  let server: Watchword;
  let site: Site;
  const visitors: Visitor[] = [];
  const arrive = async (options = {}) => {
    const visitor = await Visitor.arrive(browser, server, options);
    visitors.push(visitor);
    return visitor;
  };

  before(async () => {
    site = await openSite(folders);
    server = await Watchword.start({ flags: { "access-ttl": "2s", "min-token-age": "1s", "retry-window": "1s" }, origins: [site.origin] });
    browser = await launch();
  });
  after(async () => {
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    await browser?.close();
    await server?.close();
    await site.close();
    assert.deepEqual(complaints, [], "nothing was refused by the Content-Security-Policy, and no script failed");
  });

  test("somebody signs up, is in, reloads and is still in, signs out, and signs in again", async () => {
    const ada = await arrive();
    await ada.open("/");
    await ada.page.waitForURL("**/signin?return_to=%2Faccount");
    await ada.page.getByRole("link", { name: "Create an account" }).click();
    await ada.send({ username: "ada", email: "ada@example.org", password });
    await ada.atAccount();
    assert.equal(await ada.text('[data-fact="username"]'), "ada");
    assert.equal(await ada.text('[data-fact="email"]'), "ada@example.org");
    assert.equal(await ada.text('[data-fact="since"]'), "today");
    await ada.page.reload();
    await ada.atAccount();
    assert.match(await ada.text("#sessions"), /^Chrome on Linux\s+This device\s+from 127\.0\.0\.1 · signed in today · last used today$/);
    await ada.page.getByRole("button", { name: "Sign out" }).click();
    assert.equal(await ada.sentToSignIn(), "You are signed out.");
    await ada.page.reload();
    assert.equal(await ada.page.locator("#farewell").isVisible(), false, "it is told once");
    await ada.send({ login: "ada@example.org", password });
    await ada.atAccount();
    await ada.leave();
  });

  test("a wrong password and an unknown name look the same; what was typed stays, the focus is where it is needed", async () => {
    await server.addUser("bob");
    const bob = await arrive();
    for (const login of ["bob", "nobody-at-all"]) {
      await bob.open("/signin");
      await bob.send({ login, password: "not the password" });
      const alert = bob.page.getByRole("alert").filter({ hasText: /./ });
      assert.equal(await alert.textContent(), "Wrong username or password.");
      assert.equal(await bob.page.inputValue("#login"), login);
      assert.equal(await bob.page.evaluate(() => document.activeElement?.id), "password");
      assert.equal(await bob.page.locator("[aria-invalid]").count(), 0, "nobody is told which of the two is wrong");
    }
    await bob.leave();
  });

  test("what is missing, taken or too short is marked where it is", async () => {
    await server.addUser("carol");
    const guest = await arrive();
    await guest.open("/signup");
    await guest.send({});
    assert.deepEqual(await guest.page.locator(".wrong:not(:empty)").allTextContents(), [
      "Please choose a username.",
      "Please enter your email address.",
      "Please choose a password.",
    ]);
    assert.equal(await guest.page.evaluate(() => document.activeElement?.id), "username");
    for (const [fields, field, says] of [
      [{ username: "carol", email: "x@example.org", password }, "username", /taken/],
      [{ username: "dave", email: "carol@example.org", password }, "email", /already/],
      [{ username: "dave", email: "dave@example.org", password: "short" }, "password", /at least 8/],
      [{ username: "dave", email: "dave at home", password }, "email", /./],
    ] as const) {
      await guest.send(fields);
      const input = guest.page.locator(`#${field}[aria-invalid="true"]`);
      await input.waitFor();
      const described = ((await input.getAttribute("aria-describedby")) ?? "").split(" ").at(-1);
      assert.match(await guest.text(`#${described}`), says);
      assert.equal(await guest.page.locator("[aria-invalid]").count(), 1);
      assert.equal(await guest.page.evaluate(() => document.activeElement?.id), field);
    }
    await guest.leave();
  });

  test("without JavaScript one signs up, is told what is wrong, signs in and signs out", async () => {
    const erin = await arrive({ javaScriptEnabled: false });
    await erin.open("/signup");
    await erin.send({ username: "erin", email: "erin@example.org", password: "short" });
    assert.equal(await erin.page.inputValue("#username"), "erin");
    assert.equal(await erin.page.inputValue("#password"), "");
    assert.match(await erin.text("#password-wrong"), /at least 8/);
    await erin.send({ password });
    await erin.page.waitForURL("**/account");
    assert.match(await erin.text("main"), /needs JavaScript/);
    await erin.page.getByRole("button", { name: "Sign out" }).click();
    await erin.page.waitForURL("**/signin?reason=signed_out");
    assert.equal(await erin.text("#farewell"), "You are signed out.");
    await erin.send({ login: "erin", password: "not the password" });
    assert.match(await erin.text("main"), /Wrong username or password\./);
    assert.equal(await erin.page.inputValue("#login"), "erin");
    await erin.send({ login: "erin", password });
    await erin.page.waitForURL("**/account");
    await erin.leave();
  });

  test("what was begun without JavaScript goes on with it", async () => {
    await server.addUser("frank");
    const plain = await arrive({ javaScriptEnabled: false });
    await plain.open("/signin");
    await plain.send({ login: "frank", password });
    await plain.page.waitForURL("**/account");
    const scripted = await arrive({ storageState: await plain.page.context().storageState() });
    await plain.leave();
    for (let count = 0; count < 3; count++) {
      await scripted.open("/account");
      await scripted.atAccount();
      await rest(1_200);
    }
    await scripted.leave();
  });

  test("a change of password ends the other sessions, and they are told", async () => {
    const [here, there] = [await arrive(), await arrive()];
    await here.signUp("grace");
    await there.signIn("grace");
    await here.send({ currentPassword: "not this one", newPassword: "another horse battery" });
    await here.page.locator("#currentPassword[aria-invalid]").waitFor();
    assert.equal(await here.text("#currentPassword-wrong"), "The current password is wrong.");
    await here.send({ currentPassword: password, newPassword: "short" });
    await here.page.locator("#newPassword[aria-invalid]").waitFor();
    assert.match(await here.text("#newPassword-wrong"), /at least 8/);
    await here.send({ currentPassword: password, newPassword: "another horse battery" });
    await here.page.getByText("Your password is changed.").waitFor();
    assert.deepEqual([await here.page.inputValue("#currentPassword"), await here.page.inputValue("#newPassword")], ["", ""]);
    await there.page.reload();
    assert.match(await there.sentToSignIn(), /^Your password was changed/);
    await there.send({ login: "grace", password });
    await there.page.getByText("Wrong username or password.").waitFor();
    await there.send({ login: "grace", password: "another horse battery" });
    await there.atAccount();
    await here.page.reload();
    await here.atAccount();
    await Promise.all([here.leave(), there.leave()]);
  });

  test("one session is ended from another, and is out; then all others", async () => {
    const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
    const [here, lost, third] = [await arrive(), await arrive({ userAgent: phone }), await arrive()];
    await here.signUp("heidi");
    await lost.signIn("heidi");
    await third.signIn("heidi");
    await here.page.reload();
    await here.atAccount();
    await here.page.getByRole("button", { name: "End the session on Safari on iPhone, 127.0.0.1" }).click();
    await here.page.getByText("That session has ended.").waitFor();
    await here.page.locator("#sessions li").nth(2).waitFor({ state: "detached" });
    assert.equal(await here.page.evaluate(() => document.activeElement?.id), "sessions-title");
    await lost.page.getByRole("button", { name: "End all others" }).click(); // it does not know yet
    await lost.page.getByRole("dialog").getByRole("button", { name: "End all others" }).click();
    assert.equal(await lost.sentToSignIn(), "This session was ended from another of your devices.");

    await here.page.getByRole("button", { name: "End all others" }).click();
    await here.page.keyboard.press("Escape");
    assert.equal(await here.page.locator("#sessions li").count(), 2, "one may change one's mind");
    await here.page.getByRole("button", { name: "End all others" }).click();
    await here.page.getByRole("dialog").getByRole("button", { name: "End all others" }).click();
    await here.page.locator("#sessions li").nth(1).waitFor({ state: "detached" });
    assert.equal(await here.page.locator("#end-others").isVisible(), false);
    await third.page.addInitScript(() => {
      const left = () => Number(sessionStorage.getItem("left"));
      const leaves = () => sessionStorage.setItem("left", String(left() + 1));
      if (location.pathname === "/account") window.navigation.addEventListener("navigate", leaves);
    });
    await third.page.reload();
    assert.equal(await third.sentToSignIn(), "This session was ended from another of your devices.");
    assert.equal(await third.page.evaluate(() => sessionStorage.getItem("left")), "1", "the page leaves once");
    await Promise.all([here.leave(), lost.leave(), third.leave()]);
  });

  test("a cookie that was stolen and used is found out: both are out, and the page says why", async () => {
    const owner = await arrive();
    await owner.signUp("ivan");
    const thief = await arrive({ storageState: { cookies: await owner.page.context().cookies(), origins: [] } });
    await rest(1_200);
    await thief.open("/account");
    await thief.atAccount(); // it works, for once
    await rest(1_200); // later than any honest request
    await owner.page.reload();
    assert.match(await owner.sentToSignIn(), /somebody seems to have used a copy/);
    await thief.page.reload();
    assert.match(await thief.sentToSignIn(), /somebody seems to have used a copy/);
    await owner.send({ login: "ivan", password });
    await owner.atAccount();
    assert.equal(await owner.page.locator("#sessions li").count(), 1);
    await Promise.all([owner.leave(), thief.leave()]);
  });

  test("a user who is blocked is out when they do something, and cannot come back", async () => {
    const mallory = await arrive();
    await mallory.signUp("mallory");
    server.command("user", "block", "mallory", "--reason=spam");
    await rest(2_500); // the page's access token has expired: what it does next asks the store
    await mallory.send({ currentPassword: password, newPassword: "another horse battery" });
    assert.match(await mallory.sentToSignIn(), /^Your account is blocked/);
    await mallory.send({ login: "mallory", password });
    await mallory.page.getByRole("alert").filter({ hasText: "Your account is blocked" }).waitFor();
    await mallory.leave();
  });

  test("the app that sent somebody gets them back, signed in; another address does not", async () => {
    await server.addUser("judy");
    const app = `${site.origin}/?delivery=cookie&server=${encodeURIComponent(server.url)}`;
    for (const javaScriptEnabled of [true, false]) {
      const judy = await arrive({ javaScriptEnabled });
      await judy.open(`/signin?return_to=${encodeURIComponent(app)}`);
      assert.match(await judy.text(".lead"), new RegExp(`to go on to ${new URL(app).host}`));
      await judy.page.getByRole("link", { name: "Create an account" }).click();
      await judy.page.getByRole("link", { name: "Sign in" }).click(); // it is not lost on the way
      await judy.send({ login: "judy", password });
      await judy.page.waitForURL(app);
      if (javaScriptEnabled) await judy.page.getByText("judy").waitFor(); // the app's own client picks it up
      await judy.leave();
    }
    for (const address of ["//evil.example/", "https:evil.example", "\\\\evil.example", "https://evil.example", `${site.origin}@evil.example/`, "javascript:alert(1)", "/\t/evil.example"]) {
      const judy = await arrive();
      await judy.open(`/signin?return_to=${encodeURIComponent(address)}`);
      assert.match(await judy.text("main"), /not on this server’s list/);
      await judy.send({ login: "judy", password });
      await judy.atAccount();
      assert.equal(new URL(judy.page.url()).origin, new URL(server.url).origin);
      await judy.leave();
    }
  });

  test("who is signed in is not asked again, and not sent round in circles", async () => {
    const ken = await arrive();
    await ken.signUp("ken");
    const app = `${site.origin}/?delivery=cookie&server=${encodeURIComponent(server.url)}`;
    await ken.open(`/signin?return_to=${encodeURIComponent(app)}`);
    await ken.page.getByRole("button", { name: "Continue as ken" }).waitFor();
    await ken.page.getByRole("button", { name: "Sign in as somebody else" }).click();
    assert.equal(await ken.page.evaluate(() => document.activeElement?.id), "login");
    await ken.page.reload();
    await ken.page.getByRole("button", { name: "Continue as ken" }).click();
    await ken.page.waitForURL(app);
    await ken.page.getByText("ken", { exact: true }).waitFor();
    await ken.leave();
  });

  test("a server that is restarted signs nobody out; the page waits", async () => {
    const lena = await arrive();
    await lena.signUp("lena");
    await rest(1_200);
    await server.stop("SIGKILL");
    try {
      await lena.send({ currentPassword: password, newPassword: "another horse battery" });
      await lena.page.locator("[data-complaint]:not([hidden])").filter({ hasText: "The server cannot be reached." }).waitFor();
    } finally {
      await server.start();
    }
    await lena.send({});
    await lena.page.getByText("Your password is changed.").waitFor();
    await lena.page.reload();
    await lena.atAccount();
    await lena.leave();
  });

  test("nothing secret is in the address, in the page or in a storage after signing in", async () => {
    const mia = await arrive();
    const addresses: string[] = [];
    mia.page.on("request", (request) => addresses.push(request.url()));
    await mia.signUp("mia");
    const everything = await mia.page.evaluate(() =>
      JSON.stringify([document.documentElement.outerHTML, [...document.querySelectorAll("input")].map((input) => input.value), { ...localStorage }, { ...sessionStorage }, location.href, document.cookie, history.state]),
    );
    for (const text of [everything, ...addresses]) {
      assert.ok(!text.includes(password) && !text.includes(encodeURIComponent(password)));
      assert.ok(!text.includes("wwr_") && !/eyJ[\w-]+\./.test(text));
    }
    assert.ok(!server.log.includes(password));
    await mia.leave();
  });

  test("what others wrote is shown, and never run", async () => {
    const nasty = `<img src=x onerror=alert(1)> "><script>alert(2)</script>`;
    const nina = await arrive({ userAgent: nasty });
    await nina.signUp("nina");
    await nina.page.reload();
    await nina.atAccount();
    assert.equal(await nina.page.locator("#sessions .what").first().getAttribute("title"), nasty);
    assert.equal(await nina.page.locator("#sessions img, #sessions script").count(), 0);
    for (const query of [`return_to=${encodeURIComponent(nasty)}`, `reason=${encodeURIComponent(nasty)}`]) {
      await nina.open(`/signin?${query}`);
      assert.equal(await nina.page.locator("main img, main script").count(), 0);
    }
    const guest = await arrive();
    await guest.open("/signup");
    await guest.send({ username: nasty, email: "x@example.org", password });
    await guest.page.locator("#username[aria-invalid]").waitFor();
    await guest.open("/signin");
    await guest.send({ login: nasty, password });
    await guest.page.getByText("Wrong username or password.").waitFor();
    await Promise.all([nina.leave(), guest.leave()]);
  });

  test("user agents are read shortly and honestly", async () => {
    const visitor = await arrive();
    await visitor.open("/signin");
    const folder = await visitor.page.locator("link[href*=style]").getAttribute("href");
    const read = (agent: string) =>
      visitor.page.evaluate(async ([path, agent]) => (await import(path!)).device(agent), [folder!.replace("style.css", "device.js"), agent]);
    for (const [agent, name, kind] of [
      ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows", "computer"],
      ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari on macOS", "computer"],
      ["Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux", "computer"],
      ["Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome on Android", "phone"],
      ["Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Safari/537.36", "Samsung Internet on Android", "tablet"],
      ["Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome on iPad", "tablet"],
      ["curl/8.5.0", "curl (a program)", "program"],
      ["Go-http-client/1.1", "Go-http-client (a program)", "program"],
      ["", "Unknown device", "program"],
      ["<script>", "Unknown device", "program"],
    ] as const) {
      assert.deepEqual(await read(agent), { name, kind }, agent);
    }
    await visitor.leave();
  });

  test("the keyboard is enough", async () => {
    await server.addUser("olga");
    const olga = await arrive();
    const { keyboard } = olga.page;
    await olga.open("/signin");
    await olga.page.locator(".reveal:not([hidden])").waitFor();
    await keyboard.press("Tab");
    await keyboard.type("olga");
    await keyboard.press("Tab");
    await keyboard.type(password);
    await keyboard.press("Tab"); // Show
    await keyboard.press("Space");
    assert.equal(await olga.page.locator("#password").getAttribute("type"), "text");
    assert.equal(await olga.page.locator(".reveal").getAttribute("aria-pressed"), "true");
    await keyboard.press("Tab");
    const outline = await olga.page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    assert.equal(outline, "solid", "the focus is seen");
    await keyboard.press("Enter");
    await olga.atAccount();
    await keyboard.press("Tab");
    assert.equal(await olga.page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
    await keyboard.press("Enter");
    assert.equal(await olga.page.evaluate(() => document.activeElement?.id), "main");
    await olga.leave();
  });

  test("another site can neither send the forms nor frame the pages", async () => {
    await server.addUser("peggy");
    const evil = createServer((request, reply) => {
      reply.setHeader("Content-Type", "text/html");
      reply.end(
        request.url === "/form"
          ? `<form method="post" action="${server.url}/signin"><input name="login" value="peggy"><input name="password" value="${password}"></form><script>document.forms[0].submit()</script>`
          : `<iframe src="${server.url}/signin"></iframe>`,
      );
    });
    await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`; // another site than localhost
    try {
      const victim = await Visitor.arrive(browser, server);
      await victim.page.goto(`${address}/form`);
      await victim.page.getByText("nothing was done").waitFor();
      assert.deepEqual(await victim.page.context().cookies(), []);
      await victim.page.goto(`${address}/frame`);
      await victim.page.waitForLoadState("networkidle");
      assert.equal(await victim.page.frames()[1]?.locator("form").count(), 0);
      await victim.leave();
    } finally {
      evil.close();
    }
  });
});

test("sign-up that is closed says so, and too many attempts say how long to wait", async () => {
  const server = await Watchword.start({ flags: { signup: "closed", "brand-name": "Acme & Sons", "brand-color": "#ffd400" } });
  const browser = await launch();
  try {
    const guest = await Visitor.arrive(browser, server);
    await guest.open("/signup");
    assert.match(await guest.text("main"), /Sign-up is closed/);
    assert.match(await guest.text(".brand"), /Acme & Sons/);
    assert.equal(await guest.page.locator("form").count(), 0);
    await guest.page.getByRole("link", { name: "Sign in" }).click();
    await guest.page.waitForURL("**/signin"); // with its script: without, the form goes elsewhere
    assert.equal(await guest.page.getByRole("link", { name: "Create an account" }).count(), 0);
    const alert = guest.page.locator("[data-complaint]:not([hidden]) [aria-hidden]");
    for (let count = 0; count < 30 && (await alert.count()) === 0; count++) {
      const answered = guest.page.waitForResponse("**/login");
      await guest.send({ login: "somebody", password: "not the password" });
      await answered;
      await rest(50);
    }
    const seconds = async () => Number(/in (\d+) seconds/.exec(await alert.innerText())?.[1]);
    const first = await seconds();
    assert.ok(first > 0 && first <= 60, String(first));
    await rest(2_100);
    assert.ok((await seconds()) < first, "the wait gets shorter");
    assert.deepEqual(guest.complaints, []);
  } finally {
    await browser.close();
    await server.close();
  }
});
