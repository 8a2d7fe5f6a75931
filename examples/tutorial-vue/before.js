import * as api from "./api.before.js";
import { start } from "./app.js";

start(api);
