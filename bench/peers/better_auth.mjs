// Better Auth on Node's own server, with e-mail addresses and passwords: sessions in a cookie, and no refresh.
// `node better_auth.mjs migrate` makes the tables.
import { createServer } from "node:http";
import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import Database from "better-sqlite3";

const { DATA, HASH, PORT, SECRET } = process.env;
const argon2id = {
	// Argon2id is the package's default algorithm.
	hash: (password) => hash(password, { memoryCost: 19456, timeCost: 2, parallelism: 1 }),
	verify: ({ hash, password }) => verify(hash, password),
};
const options = {
	baseURL: `http://127.0.0.1:${PORT}`,
	secret: SECRET,
	database: new Database(`${DATA}/db.sqlite3`),
	emailAndPassword: { enabled: true, password: HASH === "argon2id" ? argon2id : undefined },
	// All clients are one network here.
	rateLimit: { enabled: false },
};

if (process.argv[2] === "migrate") {
	await (await getMigrations(options)).runMigrations();
} else {
	createServer(toNodeHandler(betterAuth(options))).listen(PORT, "127.0.0.1");
}
