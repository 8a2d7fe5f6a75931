import * as api from "./api.after.js";
import { start } from "./app.jsx";

start(api);
