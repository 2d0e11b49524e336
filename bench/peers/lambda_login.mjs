// Our login as a Lambda function in Node: AWS SDK v3, jose, and Argon2id by @node-rs/argon2. Beside it in this file is the
// smallest client of the Runtime API: aws-lambda-ric compiles libcurl at its installation, which needs cmake and more.
import { createHash, createPrivateKey, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { hash, verify } from "@node-rs/argon2";
import { SignJWT } from "jose";

const { AWS_LAMBDA_RUNTIME_API, KEY_SET_FILE, TABLE_NAME } = process.env;
const ACCESS_SECONDS = 600;
const SESSION_SECONDS = 1_209_600;

const dynamodb = new DynamoDBClient({});
const [{ pkcs8, jwk }] = JSON.parse(readFileSync(KEY_SET_FILE, "utf8")).signing;
const key = createPrivateKey({ key: Buffer.from(pkcs8, "base64url"), format: "der", type: "pkcs8" });
// What an unknown account's password is compared with.
const nobody = await hash(randomBytes(16), { memoryCost: 19456, timeCost: 2, parallelism: 1 });

async function handler(event) {
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
}

function answer(statusCode, body) {
	return {
		statusCode,
		headers: { "content-type": "application/json", "cache-control": "no-store" },
		body: JSON.stringify(body),
	};
}

const agent = new Agent({ keepAlive: true });
const [host, port] = AWS_LAMBDA_RUNTIME_API.split(":");

function call(method, path, body) {
	return new Promise((resolve, reject) => {
		const sent = request({ agent, host, port, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
			const chunks = [];
			response.on("data", (chunk) => chunks.push(chunk));
			response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
			response.on("error", reject);
		});
		sent.on("error", reject);
		sent.end(body);
	});
}

for (;;) {
	const { headers, text } = await call("GET", "invocation/next");
	const id = headers["lambda-runtime-aws-request-id"];
	try {
		await call("POST", `invocation/${id}/response`, JSON.stringify(await handler(JSON.parse(text))));
	} catch (error) {
		const body = { errorType: error.name, errorMessage: error.message };
		await call("POST", `invocation/${id}/error`, JSON.stringify(body));
	}
}
