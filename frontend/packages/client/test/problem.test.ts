import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../src/problem.ts';

interface Content {
	example?: unknown;
	examples?: Record<string, { value: { code: string; status: number; detail: string; request_id: string } }>;
}
interface Document {
	components: {
		responses: Record<string, { content: Record<string, Content> }>;
		schemas: { Problem: { properties: { code: { enum: string[] } } } };
	};
}
const document = load(
	readFileSync(new URL('../../../../docs/openapi.yaml', import.meta.url), 'utf8')
) as Document;
const contents = Object.entries(document.components.responses).map(([name, { content }]) => ({
	name,
	content
}));
const examples = contents.flatMap(({ content }) =>
	Object.values(content['application/problem+json']?.examples ?? {}).map(({ value }) => value)
);

function answer(status: number, headers: Record<string, string> = {}) {
	return new Response(null, { status, headers });
}

describe('the problems of docs/openapi.yaml', () => {
	it.each(examples)('$status $code is understood', (example) => {
		const problem = problemOf(answer(example.status), example);
		expect(problem).toMatchObject({ status: example.status, code: example.code, message: example.detail });
		expect(problem.requestId).toBe(example.request_id);
		expect(problem.errors.length > 0).toBe(example.code === 'validation_failed');
	});

	it('have examples of every code', () => {
		const codes = new Set(examples.map(({ code }) => code));
		expect(
			document.components.schemas.Problem.properties.code.enum.filter((code) => !codes.has(code))
		).toEqual([]);
	});

	it("are guessed by the status where the answer is the gateway's", () => {
		let seen = 0;
		for (const { name, content } of contents) {
			const bare = content['application/json']?.example;
			const [example] = Object.values(content['application/problem+json']?.examples ?? {});
			if (!bare || !example || name === 'WrongPassword') continue;
			seen++;
			expect(problemOf(answer(example.value.status), bare).code).toBe(example.value.code);
		}
		expect(seen).toBeGreaterThanOrEqual(5);
	});

	it('point at each fault', () => {
		const [failed] = examples.filter(({ code }) => code === 'validation_failed');
		expect(problemOf(answer(422), failed).errors).toEqual([
			{ pointer: '/email', code: 'malformed', detail: 'This is not an e-mail address.' },
			{ pointer: '/password', code: 'too_short', detail: 'This password is too short.' }
		]);
	});
});

describe('an answer of somebody else', () => {
	it.each([
		[502, '<html>Bad Gateway</html>', 'unavailable'],
		[504, '', 'unavailable'],
		[500, undefined, 'internal'],
		[403, '<html>Request blocked</html>', 'forbidden'],
		[404, null, 'not_found'],
		[418, 'short and stout', 'internal'],
		[409, { code: 'of_a_later_version', detail: 7, errors: 'none' }, 'conflict'],
		[401, ['invalid_refresh_token'], 'invalid_token'],
		[400, { code: 'constructor' }, 'malformed_json']
	])('%i %j is a problem too', (status, body, code) => {
		const problem = problemOf(answer(status), body);
		expect(problem).toMatchObject({ status, code, errors: [] });
		expect(problem.message).toBe(`The answer was ${status}.`);
		expect(problem.requestId).toBeUndefined();
	});

	it('keeps what of it is sound', () => {
		const fault = { pointer: '/bio', code: 'too_long', detail: 'Too long.' };
		const errors = [fault, null, 'garbage', { pointer: '/bio' }];
		const headers = { 'Retry-After': '12', 'X-Request-Id': 'r2' };
		expect(problemOf(answer(422, headers), { errors })).toMatchObject({
			errors: [fault],
			retryAfter: 12,
			requestId: 'r2'
		});
		const { retryAfter } = problemOf(answer(429, { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' }), {});
		expect(retryAfter).toBeUndefined();
	});
});
