// A front end in the manner of the tutorials: Vue 3, axios, localStorage.
import { createApp } from "vue";
import { tokens } from "./tokens.js";

export function start({ api, signIn }) {
  createApp({
    data: () => ({ user: tokens.user(), username: "", password: "", trouble: "", answer: "" }),
    methods: {
      async enter() {
        try {
          this.user = await signIn(this.username, this.password);
        } catch (error) {
          this.trouble = error.response?.data?.message ?? error.message;
        }
      },
      async ask() {
        try {
          const answers = await Promise.all(Array.from({ length: 3 }, () => api.get("/test/user")));
          this.answer = answers[0].data;
        } catch (error) {
          // As the tutorials do it: a refresh that is refused signs out.
          if (error.response?.status === 403) {
            tokens.remove();
            this.user = null;
          }
          this.answer = error.response?.data?.message ?? error.message;
        }
      },
    },
    template: `
      <main v-if="user">
        <p>Signed in as <b>{{ user.username }}</b> ({{ user.roles.join(", ") }}).</p>
        <button @click="ask">Ask for something protected</button>
        <p role="status">{{ answer }}</p>
      </main>
      <form v-else @submit.prevent="enter">
        <label>Name <input v-model="username" name="username"></label>
        <label>Password <input v-model="password" name="password" type="password"></label>
        <button>Sign in</button>
        <p role="alert">{{ trouble }}</p>
      </form>`,
  }).mount("#app");
}
