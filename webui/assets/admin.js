// The administrator's console: who may see it, and what is where.
import { auditView } from "./admin-audit.js";
import { dashboardView } from "./admin-dashboard.js";
import { keysView } from "./admin-keys.js";
import { begin } from "./admin-router.js";
import { button, h, stopped, t } from "./admin-ui.js";
import { userView } from "./admin-user.js";
import { usersView } from "./admin-users.js";
import { base, client, explain, toSignIn, toast } from "./page.js";

const find = (selector) => document.querySelector(selector);
const view = find("#view");
const name = document.title.split(" · ").at(-1);

const routes = [
  [/^\/admin$/, { area: "dashboard", show: dashboardView }],
  [/^\/admin\/users$/, { area: "users", show: usersView }],
  [/^\/admin\/users\/([\w-]+)$/, { area: "users", show: userView }],
  [/^\/admin\/audit$/, { area: "audit", show: auditView }],
  [/^\/admin\/keys$/, { area: "keys", show: keysView }],
];

const allowed = () => client.user?.roles.includes("admin");

/** Shows a view. It returns its content at once, and fills it as answers come. */
function show({ area, show: make }, context) {
  for (const anchor of document.querySelectorAll("[data-area]")) {
    if (anchor.dataset.area === area) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const title = (text) => (document.title = `${text} · ${t("title")} · ${name}`);
  title(t(area));
  const { content, ready } = make({ ...context, title });
  view.replaceChildren(...content);
  if (!context.first) (view.querySelector("h1") ?? find("#main")).focus({ preventScroll: true });
  // Where one was, when one comes back.
  Promise.resolve(ready)
    .then(() => !context.signal.aborted && context.scroll && scrollTo(0, context.scroll))
    .catch((error) => stopped(error) || console.error(error));
}

/** Says to whom is no administrator what this is. */
function refuse() {
  find(".areas").hidden = true;
  document.title = `${t("refused.title")} · ${name}`;
  view.replaceChildren(
    h(
      "section",
      { class: "card refused" },
      h("h1", {}, t("refused.title")),
      h("p", { class: "lead" }, t("refused.text", { name: client.user.username })),
      h(
        "div",
        { class: "acts" },
        h("a", { class: "button primary", href: `${base}/account` }, t("nothing.home")),
        button(t("signin.another"), { onclick: signOut }),
      ),
    ),
  );
}

async function signOut() {
  try {
    await client.signOut();
  } catch (error) {
    if (error.name !== "SignedOutError") toast(explain(error));
  }
}

find("#signout").addEventListener("click", signOut);

let refused; // undefined until it is known
client.onChange(({ status, reason, user }) => {
  if (status === "signed-out") return toSignIn(reason);
  if (user) find("#who").textContent = user.username;
  // The role may go, and come, while the page is open.
  if (user && refused !== undefined && allowed() === refused) location.reload();
});

const patience = setTimeout(() => (find("#waiting").hidden = false), 3_000);
const { status, reason, user } = await client.ready();
clearTimeout(patience);
find("#waiting").hidden = true;
if (status === "signed-out") {
  toSignIn(reason);
} else {
  find("#who").textContent = user.username;
  find("#who").hidden = false;
  find("#signout").disabled = false;
  refused = !allowed();
  if (refused) refuse();
  else begin(routes, show);
}
