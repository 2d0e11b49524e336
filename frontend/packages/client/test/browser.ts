import type { Channel, Client, Locks } from '../src/index.ts';
import { createClient } from '../src/index.ts';
import { Service } from './service.ts';

/** A browser: one cookie jar, one table of locks and one channel for all of its tabs. */
export class Browser {
	readonly service = new Service();
	readonly cookies: { refresh?: string; hint?: string } = {};
	/** Milliseconds that a request takes to the service, and the answer back. */
	latency: () => number = () => 10;
	/** Milliseconds that a message takes to another tab. */
	delivery: () => number = () => 1;
	hasLocks = true;
	hasChannels = true;
	readonly locks = new LockTable();
	readonly tabs = new Set<Tab>();

	tab(): Tab {
		const tab = new Tab(this);
		this.tabs.add(tab);
		return tab;
	}
}

export class Tab {
	readonly client: Client;
	/** Every status that was told to the page. */
	readonly told: string[] = [];
	readonly id = String(Math.random());
	isAlive = true;
	/** Requests under way. */
	requests = 0;
	readonly #browser: Browser;
	isFrozen = false;
	#backlog: (() => void)[] = [];
	#channels: { onmessage: Channel['onmessage'] }[] = [];
	/** Each tab's clock starts when it opens. */
	readonly #origin = performance.now();

	constructor(browser: Browser) {
		this.#browser = browser;
		this.client = createClient({
			baseUrl: 'https://app.example.com',
			environment: {
				fetch: (request) => this.#fetch(request),
				now: () => performance.now() - this.#origin,
				setTimeout: (run, ms) => setTimeout(() => this.whenAwake(run), ms),
				clearTimeout: (timer) => clearTimeout(timer),
				locks: browser.hasLocks ? browser.locks.of(this) : null,
				openChannel: () => (browser.hasChannels ? this.#open() : null),
				hint: {
					read: () => browser.cookies.hint !== undefined && browser.cookies.hint !== 'owed',
					owes: () => browser.cookies.hint === 'owed',
					owe: () => (browser.cookies.hint = 'owed'),
					write: (seconds) => (browser.cookies.hint = String(seconds)),
					remove: () => delete browser.cookies.hint
				}
			}
		});
		this.client.subscribe((status) => this.told.push(status));
	}

	/** Nothing runs in it any more, and the browser frees its locks. */
	kill() {
		this.isAlive = false;
		this.#browser.tabs.delete(this);
		this.#browser.locks.release(this);
	}

	/** Nothing runs in it until it thaws; what was to happen waits. */
	freeze() {
		this.isFrozen = true;
	}

	thaw() {
		this.isFrozen = false;
		const backlog = this.#backlog;
		this.#backlog = [];
		for (const run of backlog) run();
	}

	receive(message: unknown) {
		this.whenAwake(() => {
			for (const channel of this.#channels) channel.onmessage?.({ data: message } as MessageEvent);
		});
	}

	whenAwake(run: () => void) {
		if (!this.isAlive) return;
		if (this.isFrozen) this.#backlog.push(run);
		else run();
	}

	#open(): Channel {
		const channel: Channel = {
			onmessage: null,
			postMessage: (message) => {
				const copy = structuredClone(message);
				for (const tab of this.#browser.tabs)
					if (tab !== this) setTimeout(() => tab.receive(copy), this.#browser.delivery());
			},
			close: () => (this.#channels = this.#channels.filter((open) => open !== channel))
		};
		this.#channels.push(channel);
		return channel;
	}

	/** Cookies belong to the browser: they are stored even if the tab sleeps or is gone when the answer comes. */
	#fetch(request: Request): Promise<Response> {
		this.requests++;
		return new Promise((resolve, reject) => {
			const lost = () => {
				this.requests--;
				reject(new DOMException('aborted', 'AbortError'));
			};
			if (request.signal.aborted) return lost();
			request.signal.addEventListener('abort', lost);
			const { cookies, service, latency } = this.#browser;
			const cookie = cookies.refresh;
			setTimeout(async () => {
				if (request.signal.aborted) return;
				let response: Response;
				try {
					response = await service.handle(request, cookie);
				} catch (error) {
					this.requests--;
					return this.whenAwake(() => reject(error));
				}
				setTimeout(() => {
					if (request.signal.aborted) return;
					const value = response.headers.get('X-Set-Cookie');
					if (value) cookies.refresh = value;
					else if (value === '') delete cookies.refresh;
					this.requests--;
					this.whenAwake(() => resolve(response));
				}, latency());
			}, latency());
		});
	}
}

interface Claim {
	name: string;
	owner: Tab;
	work: () => Promise<void>;
	resolve: () => void;
	reject: (error: unknown) => void;
}

/** Web Locks as the specification has them, for one name: first come, first served; stealing; the dead hold nothing. */
export class LockTable {
	steals = 0;
	#held: Claim | null = null;
	#queue: Claim[] = [];

	of(owner: Tab): Locks {
		return {
			request: (name, { steal }, work) =>
				new Promise<void>((resolve, reject) => {
					const claim: Claim = { name, owner, work, resolve, reject };
					if (steal) {
						this.steals++;
						this.#held?.reject(new DOMException('stolen', 'AbortError'));
						this.#held = null;
						this.#queue.unshift(claim);
					} else {
						this.#queue.push(claim);
					}
					this.#grant();
				}),
			query: async () => ({
				held: this.#held ? [{ name: this.#held.name, clientId: this.#held.owner.id }] : []
			})
		};
	}

	/** Whether it holds a lock or waits for one: browsers do not freeze such a tab if they can help it. */
	isWaitedFor(owner: Tab) {
		return [this.#held, ...this.#queue].some((claim) => claim?.owner === owner);
	}

	release(owner: Tab) {
		this.#queue = this.#queue.filter((claim) => claim.owner !== owner);
		if (this.#held?.owner === owner) this.#held = null;
		this.#grant();
	}

	#grant() {
		if (this.#held) return;
		const claim = this.#queue.shift();
		if (!claim) return;
		this.#held = claim;
		const done = (settle: () => void) => () => {
			settle();
			if (this.#held === claim) this.#held = null;
			this.#grant();
		};
		// Granted in a task of its own, as browsers do.
		setTimeout(
			() =>
				claim.owner.whenAwake(() => {
					if (this.#held !== claim) return;
					claim.work().then(
						done(claim.resolve),
						done(() => claim.reject(new Error('work rejected')))
					);
				}),
			0
		);
	}
}
