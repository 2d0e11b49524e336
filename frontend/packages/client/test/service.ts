/** The service as docs/API.md has it, as far as a browser can tell: rotation, 30 s of grace, reuse detection. */
export class Service {
	/** Each request as `METHOD /path`, in the order of arrival. */
	readonly requests: string[] = [];
	/** Refresh tokens that came when they should have been long gone. */
	reuses = 0;
	/** Seconds of an access token, and of a session. */
	expiresIn = 600;
	/** Answers instead of the service, if it returns one; thrown errors are the network's. */
	instead: (request: Request) => Response | undefined = () => undefined;
	/** Milliseconds for which the service's clock ran and the browser's did not. */
	slept = 0;
	readonly users = new Map<string, { password: string; full_name: string | null; version: number }>();
	readonly #sessions = new Map<string, LiveSession>();
	#counter = 0;

	now() {
		return Date.now() + this.slept;
	}

	count(request: string) {
		return this.requests.filter((made) => made === request).length;
	}

	isAlive(cookie: string | undefined) {
		return !!cookie && this.#sessions.has(cookie.split('/')[1] ?? '');
	}

	revokeAll(username: string) {
		for (const session of this.#sessions.values())
			if (session.user === username) this.#sessions.delete(session.id);
	}

	async handle(request: Request, cookie: string | undefined): Promise<Response> {
		const path = new URL(request.url).pathname;
		this.requests.push(`${request.method} ${path}`);
		const other = this.instead(request);
		if (other) return other;
		const body = await request.text();
		const input = body ? JSON.parse(body) : {};
		switch (`${request.method} ${path.replace(/^\/auth\/sessions\/.+/, '/auth/sessions/{id}')}`) {
			case 'POST /auth/register':
				if (this.users.has(input.username)) return problem(409, 'username_taken');
				this.users.set(input.username, { password: input.password, full_name: null, version: 1 });
				return Response.json({ user: this.#user(input.username) }, { status: 201 });
			case 'POST /auth/login': {
				const username = input.username ?? input.email.split('@')[0];
				if (this.users.get(username)?.password !== input.password) return problem(401, 'invalid_credentials');
				if (cookie) this.#sessions.delete(cookie.split('/')[1] ?? '');
				return this.#opened(username);
			}
			case 'POST /auth/refresh':
				return this.#refreshed(cookie);
			case 'POST /auth/logout':
				if (cookie) this.#sessions.delete(cookie.split('/')[1] ?? '');
				return new Response(null, { status: 204, headers: setCookie('') });
		}
		const session = this.#sessionOf(request);
		if (!session) return problem(401, 'invalid_token');
		const user = this.users.get(session.user);
		if (!user) return problem(401, 'invalid_token');
		switch (`${request.method} ${path.replace(/^\/auth\/sessions\/.+/, '/auth/sessions/{id}')}`) {
			case 'PATCH /auth/profile': {
				const match = request.headers.get('If-Match');
				if (match && match !== `"${user.version}"`) return problem(412, 'precondition_failed');
				Object.assign(user, input, { version: user.version + 1 });
			}
			// falls through
			case 'GET /auth/profile':
				return Response.json({ user: this.#user(session.user) }, { headers: { ETag: `"${user.version}"` } });
			case 'GET /auth/sessions': {
				const own = [...this.#sessions.values()].filter(({ user }) => user === session.user);
				return Response.json({ sessions: own.map(({ id }) => ({ id, current: id === session.id })) });
			}
			case 'DELETE /auth/sessions':
				for (const { id, user } of [...this.#sessions.values()]) {
					const isKept = id === session.id && new URL(request.url).searchParams.get('keep') === 'current';
					if (user === session.user && !isKept) this.#sessions.delete(id);
				}
				return new Response(null, { status: 204 });
			case 'DELETE /auth/sessions/{id}':
				this.#sessions.delete(path.split('/')[3] ?? '');
				return new Response(null, { status: 204 });
			case 'POST /auth/password/change':
				if (user.password !== input.current_password) return problem(401, 'invalid_credentials');
				user.password = input.new_password;
				this.revokeAll(session.user);
				return this.#opened(session.user);
		}
		return problem(404, 'not_found');
	}

	#opened(username: string) {
		const session: LiveSession = {
			id: `s${++this.#counter}`,
			user: username,
			generation: 0,
			supersededAt: []
		};
		this.#sessions.set(session.id, session);
		return this.#answer(session, 0, { user: this.#user(username) });
	}

	#refreshed(cookie = '') {
		const [, id = '', text = ''] = cookie.split('/');
		const session = this.#sessions.get(id);
		if (!session) return problem(401, 'invalid_refresh_token', setCookie(''));
		const generation = Number(text);
		if (generation === session.generation) {
			session.supersededAt[generation] = this.now();
			return this.#answer(session, ++session.generation);
		}
		const behind = session.generation - generation;
		const isRecent = this.now() - (session.supersededAt[generation] ?? -Infinity) <= 30_000;
		if (behind === 1 && isRecent) return this.#answer(session, session.generation);
		if (behind <= 4 && isRecent) return problem(401, 'invalid_refresh_token');
		this.reuses++;
		this.#sessions.delete(id);
		return problem(401, 'invalid_refresh_token', setCookie(''));
	}

	#answer(session: LiveSession, generation: number, more = {}) {
		const claims = {
			sub: session.user,
			sid: session.id,
			exp: this.now() + this.expiresIn * 1000,
			jti: ++this.#counter
		};
		const access_token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
		const tokens = {
			access_token,
			token_type: 'Bearer',
			expires_in: this.expiresIn,
			refresh_expires_in: 1_209_600
		};
		return Response.json(
			{ ...tokens, ...more },
			{ headers: setCookie(`${session.user}/${session.id}/${generation}`) }
		);
	}

	#sessionOf(request: Request) {
		const payload = request.headers.get('Authorization')?.split('.')[1];
		if (!payload) return undefined;
		const { sub, sid, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString());
		const session = this.#sessions.get(sid);
		return session?.user === sub && exp > this.now() ? session : undefined;
	}

	#user(username: string) {
		return { id: username, username, full_name: this.users.get(username)?.full_name ?? null };
	}
}

interface LiveSession {
	id: string;
	user: string;
	generation: number;
	supersededAt: number[];
}

export function problem(status: number, code: string, headers: Record<string, string> = {}) {
	const body = {
		type: 'about:blank',
		title: 'A title',
		status,
		detail: 'A sentence.',
		code,
		request_id: 'r1'
	};
	return Response.json(body, { status, headers: { ...headers, 'Content-Type': 'application/problem+json' } });
}

// Scripts cannot make an answer with `Set-Cookie`; the browser of these tests knows it by this name.
function setCookie(value: string) {
	return { 'X-Set-Cookie': value };
}
