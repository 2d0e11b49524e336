// Our reading of the profile as a Lambda function in Node: AWS SDK v3 and jose. Its key is in a file, where ours reads the
// published set from the table.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { BatchGetItemCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { jwtVerify } from "jose";
import { answer, serve } from "./lambda_runtime.mjs";

const { KEY_SET_FILE, TABLE_NAME } = process.env;

const dynamodb = new DynamoDBClient({});
const [{ jwk }] = JSON.parse(readFileSync(KEY_SET_FILE, "utf8")).signing;
const key = createPublicKey({ key: jwk, format: "jwk" });
const expected = { algorithms: ["RS256"], typ: "at+jwt", issuer: "https://bench.example", audience: "vestibule" };

async function claimsOf(token) {
	try {
		return (await jwtVerify(token, key, expected)).payload;
	} catch {
		return undefined;
	}
}

await serve(async (event) => {
	const claims = await claimsOf((event.headers.authorization ?? "").replace(/^Bearer /, ""));
	if (!claims) return answer(401, { code: "invalid_token" });
	const [userKey, sessionKey] = [`USER#${claims.sub}`, `SESSION#${claims.sub}`];
	const read = new BatchGetItemCommand({
		RequestItems: {
			[TABLE_NAME]: {
				ConsistentRead: true,
				Keys: [
					{ pk: { S: userKey }, sk: { S: "USER" } },
					{ pk: { S: sessionKey }, sk: { S: claims.sid } },
					{ pk: { S: `ROLES#${claims.sub}` }, sk: { S: "ROLES" } },
				],
			},
		},
	});
	const { Responses } = await dynamodb.send(read);
	const item = (pk) => Responses[TABLE_NAME].find((found) => found.pk.S === pk);
	const [user, session] = [item(userKey), item(sessionKey)];
	const isLive =
		user?.status.S === "active" &&
		session?.session_epoch.N === user.session_epoch.N &&
		Math.min(session.idle_expires_at.N, session.absolute_expires_at.N) > Date.now();
	if (!isLive) return answer(401, { code: "invalid_token" });
	const roles = item(`ROLES#${claims.sub}`)?.roles.L.map((role) => role.S) ?? [];
	return answer(200, { user: { id: claims.sub, email: user.email.S, username: user.username.S, roles } });
});
