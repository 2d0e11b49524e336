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

/** The API's words for a fault of a field, in the reader's language: `too_short` of `/password` may have its own. */
export function faultText(copy: Copy, field: string, code: string): string {
	const texts: Record<string, string> = copy.faults;
	return texts[`${code}_${field}`] ?? texts[code] ?? copy.faults.other;
}
