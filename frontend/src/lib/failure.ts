import { Problem, SignedOut, Unreachable } from '@vestibule/client';
import type { Copy } from './copy/index.ts';

/** What is said of a request that failed as a whole. */
export interface Failure {
	text: string;
	/** Seconds after which a retry has a chance, where the service says so. */
	retryAfter?: number | undefined;
	/** Whether trying the same again is any use. */
	retry: boolean;
}

export function failureOf(error: unknown, copy: Copy): Failure {
	const say = copy.failures;
	if (error instanceof SignedOut) return { text: say.signed_out, retry: false };
	if (error instanceof Unreachable)
		return { text: navigator.onLine ? say.unreachable : say.offline, retry: true };
	if (!(error instanceof Problem)) return { text: say.internal, retry: true };
	switch (error.code) {
		case 'invalid_credentials':
		case 'forbidden':
		case 'conflict':
		case 'precondition_failed':
			return { text: say[error.code], retry: error.code === 'conflict' };
		case 'too_many_requests':
		case 'unavailable':
			return { text: say[error.code], retryAfter: error.retryAfter, retry: true };
		default: {
			const reference = error.requestId ? ` ${say.reference(error.requestId)}` : '';
			return { text: say.internal + reference, retry: error.status >= 500 };
		}
	}
}

/** By the field's name: what is wrong with it, in the reader's language. */
export type Faults<Values> = Partial<Record<keyof Values, string>>;

/**
 * Which field something belongs to that does not name it: a code of the whole request, say `email_taken`, or a pointer,
 * say `/email`.
 */
export type Places<Values> = Partial<Record<string, keyof Values & string>>;

/** What the service says against the fields of a form. */
export function faultsOf<Values extends Record<string, string>>(
	error: unknown,
	values: Values,
	copy: Copy,
	places: Places<Values>
): Faults<Values> {
	const faults: Record<string, string> = {};
	if (error instanceof Problem) {
		const place = places[error.code];
		if (place) faults[place] = faultText(copy, place, error.code);
		else
			for (const { pointer, code, detail } of error.errors) {
				const name = pointer.slice(1);
				const field = places[pointer] ?? name;
				if (field in values) faults[field] ??= faultText(copy, name, code, detail);
			}
	}
	return faults as Faults<Values>;
}

/**
 * What is wrong with a field, in the reader's language. A code may be said in its own way of one field
 * (`too_short_password`), and the service's reasons against a password are known by their text.
 */
export function faultText(copy: Copy, field: string, code: string, detail = ''): string {
	const texts: Record<string, string> = copy.faults;
	if (code === 'too_weak') return copy.reasons(detail) ?? copy.faults.too_weak;
	return texts[`${code}_${field}`] ?? texts[code] ?? copy.faults.other;
}
