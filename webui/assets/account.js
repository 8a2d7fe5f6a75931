import { client, toSignIn } from "./page.js";

const state = await client.ready();
if (state.status === "signed-out") toSignIn(state.reason);
