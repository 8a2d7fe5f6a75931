import * as api from "./api.before.js";
import { start } from "./app.jsx";

start(api);
