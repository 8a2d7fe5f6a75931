// Vue 3: a plugin, a guard for the router, a composable in the components.
import { createClient } from "@watchword/client";
import { authGuard, createAuth, useAuth } from "@watchword/client/vue";
import { createApp, defineComponent, ref } from "vue";
import { createRouter, createWebHistory, useRoute, useRouter } from "vue-router";

declare const SERVER: string;

const client = createClient({ baseURL: SERVER, delivery: "cookie" });

const SignIn = defineComponent({
  setup() {
    const { signIn } = useAuth();
    const [route, router] = [useRoute(), useRouter()];
    const [username, password, trouble] = [ref(""), ref(""), ref("")];
    const submit = async () => {
      try {
        await signIn({ username: username.value, password: password.value });
        await router.push(String(route.query["returnTo"] ?? "/")); // a path of this router, never another site
      } catch (error) {
        trouble.value = (error as Error).message;
      }
    };
    return { username, password, trouble, submit };
  },
  template: `
    <form @submit.prevent="submit">
      <label>Name <input v-model="username" name="username" autocomplete="username" required></label>
      <label>Password <input v-model="password" name="password" type="password" autocomplete="current-password" required></label>
      <button>Sign in</button>
      <p role="alert">{{ trouble }}</p>
    </form>`,
});

const Orders = defineComponent({
  setup() {
    const { user, client, signOut } = useAuth();
    const router = useRouter();
    const answer = ref("");
    const ask = async () => {
      const response = await client.fetch(`${SERVER}/api/test/user`);
      answer.value = response.ok ? await response.text() : `The server said ${response.status}.`;
    };
    const leave = async () => {
      await signOut();
      await router.push("/sign-in");
    };
    return { user, answer, ask, leave };
  },
  template: `
    <main>
      <p>Signed in as <b>{{ user?.username }}</b>.</p>
      <button @click="ask">Ask for something protected</button>
      <button @click="leave">Sign out</button>
      <p role="status">{{ answer }}</p>
    </main>`,
});

const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", redirect: "/orders" },
    { path: "/sign-in", component: SignIn },
    { path: "/orders", component: Orders, meta: { auth: true } },
    { path: "/admin", component: { template: "<p>The administrator's corner.</p>" }, meta: { auth: "admin" } },
    { path: "/forbidden", component: { template: "<p>That is for administrators.</p>" } },
  ],
});
router.beforeEach(authGuard(client, { signIn: "/sign-in", forbidden: "/forbidden" }));

createApp({ template: "<router-view />" }).use(createAuth(client)).use(router).mount("#app");
