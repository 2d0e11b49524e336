// Our login as a Lambda function in Node: AWS SDK v3, jose, and Argon2id by @node-rs/argon2.
import { createHash, createPrivateKey, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { verify } from "@node-rs/argon2";
import { SignJWT } from "jose";
import { answer, serve } from "./lambda_runtime.mjs";

const { KEY_SET_FILE, TABLE_NAME } = process.env;
const ACCESS_SECONDS = 600;
const SESSION_SECONDS = 1_209_600;

const dynamodb = new DynamoDBClient({});
const [{ pkcs8, jwk }] = JSON.parse(readFileSync(KEY_SET_FILE, "utf8")).signing;
const key = createPrivateKey({ key: Buffer.from(pkcs8, "base64url"), format: "der", type: "pkcs8" });
// What an unknown account's password is compared with.
const nobody =
	"$argon2id$v=19$m=19456,t=2,p=1$d/sRtnyUBiramd42QJHmPA$E/BeIo0Y5y0XcsfB5D8h9rJGofIBYZwGeg4ONDA+MRc";

await serve(async (event) => {
	const { email, password } = JSON.parse(event.body);
	if (typeof email !== "string" || typeof password !== "string") return answer(422, { code: "invalid" });
	const read = new GetItemCommand({
		TableName: TABLE_NAME,
		Key: { pk: { S: `EMAIL#${email.toLowerCase()}` }, sk: { S: "CREDENTIAL" } },
	});
	const { Item: user } = await dynamodb.send(read);
	const isRight = await verify(user?.password_hash.S ?? nobody, password);
	if (!user || !isRight || user.status.S !== "active") return answer(401, { code: "invalid_credentials" });

	const now = Math.floor(Date.now() / 1000);
	const session = randomUUID();
	const refreshToken = randomBytes(32).toString("base64url");
	const write = new PutItemCommand({
		TableName: TABLE_NAME,
		Item: {
			pk: { S: `PEER#${user.user_id.S}` },
			sk: { S: session },
			refresh_hash: { B: createHash("sha256").update(refreshToken).digest() },
			created_at: { N: String(now) },
			expires_at: { N: String(now + SESSION_SECONDS) },
		},
	});
	const token = new SignJWT({ sid: session })
		.setProtectedHeader({ alg: "RS256", kid: jwk.kid, typ: "at+jwt" })
		.setIssuer("https://bench.example")
		.setAudience("vestibule")
		.setSubject(user.user_id.S)
		.setIssuedAt(now)
		.setExpirationTime(now + ACCESS_SECONDS)
		.setJti(randomUUID());
	const [accessToken] = await Promise.all([token.sign(key), dynamodb.send(write)]);
	return answer(200, {
		access_token: accessToken,
		token_type: "Bearer",
		expires_in: ACCESS_SECONDS,
		refresh_token: refreshToken,
	});
});
