import "./after.js";
