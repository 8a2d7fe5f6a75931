import * as api from "./api.after.js";
import { start } from "./app.js";

start(api);
