import * as v from 'valibot';
import type { Copy } from './copy/index.ts';
import { faultText, type Faults } from './failure.ts';

const required = v.pipe(v.string(), v.nonEmpty('required'));
const trimmed = v.pipe(v.string(), v.trim(), v.nonEmpty('required'));

/** What each form checks before it is sent. The messages are codes of `copy.faults`. */
const schemas = {
	login: v.object({ identifier: trimmed, password: required }),
	register: v.pipe(
		v.object({
			email: v.pipe(trimmed, v.regex(/^\S+@\S+\.\S+$/u, 'malformed')),
			username: trimmed,
			password: required,
			repeat: v.string()
		}),
		v.forward(
			v.partialCheck([['password'], ['repeat']], ({ password, repeat }) => password === repeat, 'mismatch'),
			['repeat']
		)
	),
	password: v.pipe(
		v.object({ current_password: required, new_password: required, repeat: v.string() }),
		v.forward(
			v.partialCheck(
				[['new_password'], ['repeat']],
				({ new_password, repeat }) => new_password === repeat,
				'mismatch'
			),
			['repeat']
		)
	)
};

export type Schema = keyof typeof schemas;

/** What is wrong with each field, in the reader's language. */
export function check<Values extends Record<string, string>>(
	schema: Schema,
	values: Values,
	copy: Copy
): Faults<Values> {
	const faults: Record<string, string> = {};
	for (const issue of v.safeParse(schemas[schema], values).issues ?? []) {
		const field = String(issue.path?.[0]?.key ?? '');
		faults[field] ??= faultText(copy, field, issue.message);
	}
	return faults as Faults<Values>;
}
