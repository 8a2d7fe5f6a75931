// Makes the user that Watchword is: it reads and writes the database that knows it, and
// nothing beside. The compose file has MongoDB's image run it when its volume is new;
// elsewhere it is run once, as an administrator:
//
//   WATCHWORD_PASSWORD=… mongosh ADDRESS deploy/mongodb/user.js

db.getSiblingDB("watchword").createUser({
	user: "watchword",
	pwd: process.env.WATCHWORD_PASSWORD,
	roles: [{ role: "readWrite", db: "watchword" }],
});
