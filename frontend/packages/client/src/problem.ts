import type { components } from './openapi.d.ts';

export type ProblemCode = components['schemas']['Problem']['code'];
export type FieldError = components['schemas']['Fault'];

/** The service, or a gateway in front of it, refused. */
export class Problem extends Error {
	override readonly name = 'Problem';
	readonly status: number;
	/** Of a problem document; otherwise what the status says. */
	readonly code: ProblemCode;
	/** What the service's log calls this request. */
	readonly requestId?: string;
	/** Every fault of the body; empty but for `validation_failed`. */
	readonly errors: FieldError[];
	/** Seconds to wait before a retry has a chance. */
	readonly retryAfter?: number;

	constructor(fields: {
		status: number;
		code: ProblemCode;
		message?: string | undefined;
		requestId?: string | undefined;
		errors?: FieldError[];
		retryAfter?: number | undefined;
	}) {
		super(fields.message ?? `The answer was ${fields.status}.`);
		this.status = fields.status;
		this.code = fields.code;
		this.errors = fields.errors ?? [];
		if (fields.requestId !== undefined) this.requestId = fields.requestId;
		if (fields.retryAfter !== undefined) this.retryAfter = fields.retryAfter;
	}
}

/** The problem of an answer. `body` is JSON already parsed, or text, or nothing. */
export function problemOf({ status, headers }: Response, body: unknown): Problem {
	const { code, detail, errors, message, request_id }: Record<string, unknown> = isObject(body) ? body : {};
	const retryAfter = headers.get('Retry-After');
	return new Problem({
		status,
		code: isCode(code) ? code : codeOf(status),
		message: text(detail) ?? text(message),
		requestId: text(request_id) ?? text(headers.get('X-Request-Id')),
		errors: Array.isArray(errors) ? errors.filter(isFieldError) : [],
		retryAfter: retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined
	});
}

/** No answer of the service's: offline, DNS, a lost connection, a time-out, or a stranger who answers in its place. */
export class Unreachable extends Error {
	override readonly name = 'Unreachable';
}

/**
 * The session is over, or there never was one. The status is `signed_out` by then, or `signed_in` if somebody else has signed
 * in meanwhile: nothing is ever done, or shown, in the name of another user than the one who asked.
 */
export class SignedOut extends Error {
	override readonly name = 'SignedOut';
}

/** Every code with its status. The first of a status stands for answers that bring no code: the gateway's and those of proxies. */
const STATUS: Record<ProblemCode, number> = {
	malformed_json: 400,
	invalid_token: 401,
	invalid_credentials: 401,
	invalid_refresh_token: 401,
	forbidden: 403,
	not_found: 404,
	method_not_allowed: 405,
	conflict: 409,
	email_taken: 409,
	username_taken: 409,
	precondition_failed: 412,
	body_too_large: 413,
	unsupported_media_type: 415,
	validation_failed: 422,
	too_many_requests: 429,
	internal: 500,
	unavailable: 503
};

function isCode(code: unknown): code is ProblemCode {
	return typeof code === 'string' && Object.hasOwn(STATUS, code);
}

function codeOf(status: number): ProblemCode {
	for (const [code, its] of Object.entries(STATUS)) if (its === status) return code as ProblemCode;
	// A gateway that found nobody behind it (502, 504). What else is left is a fault that the user cannot mend.
	return status > 500 ? 'unavailable' : 'internal';
}

function isFieldError(error: unknown): error is FieldError {
	return (
		isObject(error) && [error.pointer, error.code, error.detail].every((member) => typeof member === 'string')
	);
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
	return typeof value === 'string' && value !== '' ? value : undefined;
}
