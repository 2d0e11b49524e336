export { createClient } from './client.ts';
export type {
	Client,
	ClientOptions,
	ProfileChange,
	Registration,
	Session,
	User,
	Versioned
} from './client.ts';
export type { Channel, Environment, Hint, Locks } from './environment.ts';
export type { components, paths } from './openapi.d.ts';
export { whenNeeded } from './needed.ts';
export { Problem, SignedOut, Unreachable } from './problem.ts';
export type { FieldError, ProblemCode } from './problem.ts';
export type { Status } from './session.ts';
