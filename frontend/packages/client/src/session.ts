import type { Deadlines } from './deadlines.ts';
import type { Channel, Environment, Locks } from './environment.ts';
import type { components } from './openapi.d.ts';
import { Problem, SignedOut } from './problem.ts';
import { parse, type Message, type Shared } from './tabs.ts';

export type Tokens = components['schemas']['Tokens'];

/** `unknown`: the hint says that there may be a session, and nobody has asked yet. */
export type Status = 'unknown' | 'signed_in' | 'signed_out';

/** Whose a token is, and of which session: `''` if it does not say. */
interface Claims {
	user: string;
	session: string;
}

interface Token extends Claims {
	value: string;
	freshUntil: number;
	/** Whether another tab gave it. */
	shared: boolean;
}

/** An access token is refreshed when this part of its life is over: ahead of time, so that few requests meet a 401. */
const FRESH = 0.9;
/** How long the other tabs have to answer. */
const ASK_MS = 50;
/** Longer than any work under the lock takes: 50 ms, and one or two requests. */
const LOCK_MS = 25_000;

/**
 * The session of this browser, as this tab knows it.
 *
 * Whatever sets or reads the refresh cookie runs under one lock for all tabs, so that each such request sees the cookie that
 * the one before it left. Announcements on the channel keep the tabs' memories together; a tab that misses some finds out
 * by a 401 and mends itself.
 */
export class Session {
	readonly #environment: Environment;
	readonly #deadlines: Deadlines;
	readonly #name: string;
	readonly #locks: Locks;
	readonly #requestTokens: () => Promise<{ tokens: Tokens; sentAt: number }>;
	#channel: Channel | null;
	readonly #listeners = new Set<(status: Status) => void>();

	#status: Status;
	#token: Token | null = null;
	/** Of the last token, also when that is no good any more. */
	#claims: Claims | null = null;
	/** The session that was signed out of last. Tokens of it may still be on their way from another tab. */
	#over = '';
	/** Ends with each sign-out and each change of user. What was asked in one era is not answered in another. */
	#era = 0;
	/** The last access token that the service refused: no tab may bring it back. */
	#refused: string | null = null;
	#refreshing: Promise<Token> | null = null;
	#asking: { id: string; end: () => void } | null = null;
	/** Sign-outs under way. Tokens that other tabs announce meanwhile are of the session that is ending. */
	#leaving = 0;
	#closed = false;

	constructor(
		environment: Environment,
		deadlines: Deadlines,
		name: string,
		requestTokens: () => Promise<{ tokens: Tokens; sentAt: number }>
	) {
		this.#environment = environment;
		this.#deadlines = deadlines;
		this.#name = name;
		this.#locks = environment.locks ?? locksOfTab();
		this.#requestTokens = requestTokens;
		this.#status = environment.hint.read() ? 'unknown' : 'signed_out';
		this.#channel = environment.openChannel(name);
		if (this.#channel) this.#channel.onmessage = ({ data }) => this.#receive(parse(data));
	}

	get status(): Status {
		return this.#status;
	}

	is(session: string): boolean {
		return this.#claims?.session === session;
	}

	subscribe(listener: (status: Status) => void): () => void {
		const own = (status: Status) => listener(status);
		this.#listeners.add(own);
		return () => this.#listeners.delete(own);
	}

	/**
	 * Calls `send` with an access token, and once more with another one if the service refuses it. `isLocked` says that the
	 * caller is within `exclusive`.
	 */
	async authorized<T>(send: (accessToken: string) => Promise<T>, isLocked = false): Promise<T> {
		const era = this.#era;
		for (let tries = 1; ; tries++) {
			const token = await (isLocked ? this.#refresh() : this.token());
			this.#demand(era);
			try {
				return await send(token.value);
			} catch (error) {
				const isRefused = error instanceof Problem && error.code === 'invalid_token';
				// One that another tab gave may have been dead already, and says nothing about a fresh one.
				if (!isRefused || tries === 3 || (tries === 2 && !token.shared)) throw error;
				this.#refused = token.value;
				if (this.#token === token) this.#token = null;
			} finally {
				this.#demand(era);
			}
		}
	}

	/** An access token that is good for a while. However many ask, there is one refresh. */
	async token(): Promise<Token> {
		const token = this.#fresh();
		if (token) return token;
		this.#refreshing ??= this.exclusive(() => this.#refresh()).finally(() => (this.#refreshing = null));
		return this.#refreshing;
	}

	/** New tokens, asked for at `sentAt`: here, in the hint, and in the other tabs. */
	begin({ access_token, expires_in, refresh_expires_in }: Tokens, sentAt: number): Token {
		const freshUntil = sentAt + expires_in * 1000 * FRESH;
		const token = { value: access_token, ...claimsOf(access_token), freshUntil, shared: false };
		this.#environment.hint.write(refresh_expires_in);
		this.#take(token);
		this.#post({ v: 1, type: 'tokens', access_token, fresh_ms: freshUntil - this.#environment.now() });
		return token;
	}

	/** The session is over: here, in the hint, and in the other tabs. */
	end() {
		this.#environment.hint.remove();
		this.#forgetForGood();
		this.#post({ v: 1, type: 'signed_out' });
	}

	/** Forgets the session at once, then ends it by `request`, which is owed until it has reached the service. */
	async leave(request: () => Promise<unknown>): Promise<void> {
		const { hint } = this.#environment;
		this.#leaving++;
		this.end();
		hint.owe();
		try {
			await this.exclusive(async () => {
				let isOwed = true;
				try {
					await request();
					isOwed = false;
				} finally {
					// Again: until now another tab may have had a refresh under way, and have announced its tokens.
					this.end();
					if (isOwed) hint.owe();
				}
			});
		} finally {
			this.#leaving--;
		}
	}

	/** Ends by `request` what an earlier page has signed out of in vain. */
	async settle(request: () => Promise<unknown>): Promise<void> {
		const { hint } = this.#environment;
		if (!hint.owes()) return;
		await this.exclusive(async () => {
			// Another tab was first, or somebody has signed in, which ends the old session too.
			if (!hint.owes()) return;
			await request();
			hint.remove();
		});
	}

	/** Runs `work` while nobody else, in any tab, runs anything here. Don't nest. */
	exclusive<T>(work: () => Promise<T>): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			const wait = { isOver: false, stop: nothing };
			const run = () => {
				wait.isOver = true;
				wait.stop();
				const done = work();
				done.then(resolve, reject);
				return done.then(nothing, nothing);
			};
			// It rejects where storage is blocked, which must not keep anybody from signing in; and when another tab has taken
			// the lock from us, which changes nothing: the work goes on and ends as it ends.
			this.#locks.request(this.#name, {}, run).catch(() => (wait.isOver ? undefined : run()));
			this.#watchLock(wait).catch(nothing);
		});
	}

	/** While we wait: frees the lock from a tab that has frozen with it in hand. The queue then goes on in its order. */
	async #watchLock(wait: { isOver: boolean; stop: () => void }): Promise<void> {
		const holder = await this.#lockHolder();
		if (wait.isOver || this.#closed) return;
		const late = this.#environment.now() + LOCK_MS + 1000;
		const look = async () => {
			const isHeldByTheSame = holder !== undefined && holder === (await this.#lockHolder());
			// If this comes late, it is we who were frozen.
			if (isHeldByTheSame && !wait.isOver && !this.#closed && this.#environment.now() < late)
				await this.#locks.request(this.#name, { steal: true }, async () => {});
			await this.#watchLock(wait);
		};
		wait.stop = this.#deadlines.set(LOCK_MS, () => void look().catch(nothing));
	}

	async #lockHolder(): Promise<string | undefined> {
		const { held } = await this.#locks.query();
		return held?.find(({ name }) => name === this.#name)?.clientId;
	}

	close() {
		this.#closed = true;
		this.#channel?.close();
		this.#channel = null;
		this.#listeners.clear();
		this.#deadlines.passAll();
	}

	/** Under the lock. */
	async #refresh(): Promise<Token> {
		const era = this.#era;
		const known = this.#fresh();
		if (known) return known;
		if (!this.#environment.hint.read()) {
			this.#forget();
			throw new SignedOut();
		}
		const askedAt = this.#environment.now();
		await this.#ask();
		// Where the wait took longer, this tab was held up, and so may be the one that would answer.
		if (!this.#fresh() && this.#environment.now() - askedAt > 1.2 * ASK_MS) await this.#ask(20 * ASK_MS);
		const given = this.#fresh();
		if (given) return given;
		this.#demand(era);
		try {
			const { tokens, sentAt } = await this.#requestTokens();
			// Signed out meanwhile. The logout that comes after us takes the cookie that was set.
			this.#demand(era);
			return this.begin(tokens, sentAt);
		} catch (error) {
			this.#demand(era);
			// The one answer that means the end. 403 is about the page's origin, all else about this moment.
			if (!(error instanceof Problem && error.code === 'invalid_refresh_token')) throw error;
			this.end();
			throw new SignedOut();
		}
	}

	/** Resolves when another tab has given its token, or none has in time. */
	async #ask(ms = ASK_MS): Promise<void> {
		if (!this.#channel) return;
		await new Promise<void>((resolve) => {
			const stop = this.#deadlines.set(ms, resolve);
			const id = String(Math.random());
			const end = () => {
				stop();
				resolve();
			};
			this.#asking = { id, end };
			this.#post({ v: 1, type: 'ask', id });
		});
		this.#asking = null;
	}

	#receive(message: Message | null) {
		switch (message?.type) {
			case 'ask': {
				const token = this.#fresh();
				if (!token) return;
				const fresh_ms = token.freshUntil - this.#environment.now();
				this.#post({ v: 1, type: 'answer', id: message.id, access_token: token.value, fresh_ms });
				return;
			}
			case 'answer':
				if (message.id === this.#asking?.id) this.#takeShared(message);
				return;
			case 'tokens':
				if (!this.#leaving) this.#takeShared(message);
				return;
			case 'signed_out':
				// The hint is the business of the tab that says so: this may be an old message, and the hint a new one.
				this.#forgetForGood();
		}
	}

	#takeShared({ access_token, fresh_ms }: Shared) {
		const claims = claimsOf(access_token);
		if (access_token === this.#refused || (claims.session && claims.session === this.#over)) return;
		const freshUntil = this.#environment.now() + fresh_ms;
		this.#take({ value: access_token, ...claims, freshUntil, shared: true });
	}

	#take(token: Token) {
		const isSomebodyElse = this.#claims !== null && this.#claims.user !== token.user;
		if (isSomebodyElse) this.#era++;
		this.#token = token;
		this.#claims = token;
		this.#asking?.end();
		this.#become('signed_in', isSomebodyElse);
	}

	#forgetForGood() {
		this.#over = this.#claims?.session ?? this.#over;
		this.#forget();
	}

	#forget() {
		this.#era++;
		this.#token = null;
		this.#claims = null;
		this.#asking?.end();
		this.#asking = null;
		this.#become('signed_out');
	}

	#fresh(): Token | null {
		return this.#token && this.#environment.now() < this.#token.freshUntil ? this.#token : null;
	}

	#demand(era: number) {
		if (era !== this.#era) throw new SignedOut();
	}

	#become(status: Status, tellAnyway = false) {
		if (status === this.#status && !tellAnyway) return;
		this.#status = status;
		for (const listener of this.#listeners) {
			try {
				listener(status);
			} catch (error) {
				// A page's mistake is reported as one, and changes nothing here.
				queueMicrotask(() => {
					throw error;
				});
			}
		}
	}

	#post(message: Message) {
		this.#channel?.postMessage(message);
	}
}

/** Whose token it is. Unverified: good for noticing a change, not for trust. */
function claimsOf(accessToken: string): Claims {
	try {
		const payload = (accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
		const { sub, sid } = JSON.parse(atob(payload));
		return { user: String(sub ?? ''), session: String(sid ?? '') };
	} catch {
		return { user: '', session: '' };
	}
}

/** One at a time within this tab. */
function locksOfTab(): Locks {
	let last: Promise<unknown> = Promise.resolve();
	return { request: (_name, _options, work) => (last = last.then(work)), query: async () => ({}) };
}

function nothing() {}
