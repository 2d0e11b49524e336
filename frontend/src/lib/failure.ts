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

/**
 * What is wrong with a field, in the reader's language. A code may be said in its own way of one field
 * (`too_short_password`), and the service's reasons against a password are known by their text.
 */
export function faultText(copy: Copy, field: string, code: string, detail = ''): string {
	const texts: Record<string, string> = copy.faults;
	if (code === 'too_weak') return copy.reasons(detail) ?? copy.faults.too_weak;
	return texts[`${code}_${field}`] ?? texts[code] ?? copy.faults.other;
}
