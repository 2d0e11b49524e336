// The smallest client of the Runtime API, and an answer's shape: aws-lambda-ric compiles libcurl at its installation, which
// needs cmake and more.
import { Agent, request } from "node:http";

const { AWS_LAMBDA_RUNTIME_API } = process.env;

export function answer(statusCode, body) {
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

export async function serve(handler) {
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
}
