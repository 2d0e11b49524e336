import createApi from 'openapi-fetch';
import { Deadlines } from './deadlines.ts';
import { browser, type Environment } from './environment.ts';
import { channelName } from './needed.ts';
import type { components, paths } from './openapi.d.ts';
import { problemOf, SignedOut, Unreachable } from './problem.ts';
import { Session as Signed, type Status } from './session.ts';

type Schemas = components['schemas'];
export type User = Schemas['User'];
export type Session = Schemas['Session'];
export type Registration = Schemas['Registration'];
export type ProfileChange = Schemas['ProfileChange'];

export interface ClientOptions {
	/** Where the API is: `''`, the default, is the page's own origin. */
	baseUrl?: string;
	environment?: Partial<Environment>;
}

/** The user, and which version of them, for `changeProfile`. */
export interface Versioned {
	user: User;
	version: string;
}

/** Each method rejects with `Problem`, `Unreachable` or, where a session is needed, `SignedOut`. */
export interface Client {
	readonly status: Status;
	/**
	 * Calls `listener` after every change of the status, also one that another tab made; with `signed_in` again when
	 * somebody else has signed in. Returns the unsubscribe.
	 */
	subscribe(listener: (status: Status) => void): () => void;
	/** Whether there is a session: asks the other tabs, then the service. Makes no request where the hint says no. */
	restore(): Promise<boolean>;
	/** Opens an account, and no session. */
	register(registration: Registration): Promise<User>;
	login(
		credentials: { email: string; password: string } | { username: string; password: string }
	): Promise<User>;
	/**
	 * This browser forgets the session, whatever happens. A rejection says that it lives on at the service, until a client is
	 * made in this browser that reaches it.
	 */
	logout(): Promise<void>;
	readProfile(): Promise<Versioned>;
	/** With a version, only if the user is still that. */
	changeProfile(change: ProfileChange, version?: string): Promise<Versioned>;
	listSessions(): Promise<Session[]>;
	revokeSession(id: string): Promise<void>;
	/** All of them, and this browser is signed out; or all but this one. */
	revokeSessions(options?: { keep?: 'current' }): Promise<void>;
	/** Ends every session and goes on in a new one. */
	changePassword(change: { current_password: string; new_password: string }): Promise<User>;
	/** Ends the channel and all timers; requests under way reject with `Unreachable`. */
	close(): void;
}

/** A password hash takes a second where it is slow; what takes this long is lost. */
const TIMEOUT_MS = 10_000;

export function createClient({ baseUrl = '', environment: given }: ClientOptions = {}): Client {
	const environment = { ...browser(), ...given };
	const deadlines = new Deadlines(environment);
	let isClosed = false;

	const api = createApi<paths>({
		baseUrl,
		fetch: environment.fetch,
		credentials: 'include',
		cache: 'no-store',
		// The API redirects nobody, and a password must not follow whoever does.
		redirect: 'error'
	});

	/** One request. `member` is what the answer has to have; without it, the answer has to be 204. */
	async function send<Answer extends { data?: unknown; error?: unknown; response: Response }>(
		request: (signal: AbortSignal) => Promise<Answer>,
		member?: 'access_token' | 'user' | 'sessions'
	) {
		if (isClosed) throw new Unreachable('This client is closed.');
		const sentAt = environment.now();
		const abort = new AbortController();
		const stop = deadlines.set(TIMEOUT_MS, () => abort.abort());
		let answer: Answer;
		try {
			answer = await request(abort.signal);
		} catch (cause) {
			throw new Unreachable('The service did not answer.', { cause });
		} finally {
			stop();
		}
		const { data, error, response } = answer;
		if (!response.ok) throw problemOf(response, error);
		const isExpected = member
			? !!(data as Record<string, unknown> | null | undefined)?.[member]
			: response.status === 204;
		// A network's sign-in page, say.
		if (!isExpected) throw new Unreachable('This is not an answer of the service.');
		return { data: data as NonNullable<Answer['data']>, response, sentAt };
	}

	const session = new Signed(environment, deadlines, channelName(baseUrl), async () => {
		const { data, sentAt } = await send((signal) => api.POST('/auth/refresh', { signal }), 'access_token');
		return { tokens: data, sentAt };
	});

	// It outlives the page, which often goes elsewhere at this moment.
	const sendLogout = () => send((signal) => api.POST('/auth/logout', { keepalive: true, signal }));
	session.settle(sendLogout).catch(() => {});

	const bearer = (accessToken: string) => ({ Authorization: `Bearer ${accessToken}` });

	function versioned({ data, response }: { data: { user: User }; response: Response }): Versioned {
		// A proxy that compresses may drop it; a change without a version is still a change.
		return { user: data.user, version: response.headers.get('ETag') ?? '' };
	}

	return {
		get status() {
			return session.status;
		},

		subscribe: (listener) => session.subscribe(listener),

		async restore() {
			try {
				await session.token();
				return true;
			} catch (error) {
				if (error instanceof SignedOut) return session.status === 'signed_in';
				throw error;
			}
		},

		async register(body) {
			const { data } = await send((signal) => api.POST('/auth/register', { body, signal }), 'user');
			return data.user;
		},

		login: (credentials) =>
			session.exclusive(async () => {
				const body = { ...credentials, transport: 'cookie' as const };
				const { data, sentAt } = await send(
					(signal) => api.POST('/auth/login', { body, signal }),
					'access_token'
				);
				session.begin(data, sentAt);
				return data.user;
			}),

		logout: () => session.leave(sendLogout),

		async readProfile() {
			const answer = await session.authorized((token) =>
				send((signal) => api.GET('/auth/profile', { headers: bearer(token), signal }), 'user')
			);
			return versioned(answer);
		},

		async changeProfile(body, version) {
			const match = version ? { 'If-Match': version } : {};
			const answer = await session.authorized((token) =>
				send(
					(signal) => api.PATCH('/auth/profile', { body, headers: { ...bearer(token), ...match }, signal }),
					'user'
				)
			);
			return versioned(answer);
		},

		async listSessions() {
			const { data } = await session.authorized((token) =>
				send((signal) => api.GET('/auth/sessions', { headers: bearer(token), signal }), 'sessions')
			);
			return data.sessions;
		},

		revokeSession: (id) =>
			session.exclusive(async () => {
				const params = { path: { id } };
				await session.authorized(
					(token) =>
						send((signal) => api.DELETE('/auth/sessions/{id}', { params, headers: bearer(token), signal })),
					true
				);
				if (session.is(id)) session.end();
			}),

		revokeSessions: (options = {}) =>
			session.exclusive(async () => {
				const params = { query: options };
				await session.authorized(
					(token) =>
						send((signal) => api.DELETE('/auth/sessions', { params, headers: bearer(token), signal })),
					true
				);
				if (!options.keep) session.end();
			}),

		changePassword: (change) =>
			session.exclusive(async () => {
				const body = { ...change, transport: 'cookie' as const };
				const { data, sentAt } = await session.authorized(
					(token) =>
						send(
							(signal) => api.POST('/auth/password/change', { body, headers: bearer(token), signal }),
							'access_token'
						),
					true
				);
				session.begin(data, sentAt);
				return data.user;
			}),

		close() {
			isClosed = true;
			session.close();
		}
	};
}
