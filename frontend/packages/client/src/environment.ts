/** What the outside world gives. Tests bring their own; pages need none of it. */
export interface Environment {
	fetch: (request: Request) => Promise<Response>;
	/** Milliseconds on a clock that nobody sets. */
	now: () => number;
	setTimeout: (run: () => void, ms: number) => unknown;
	clearTimeout: (timer: never) => void;
	/** Web Locks. Where there are none (plain http), things still happen one at a time within the tab. */
	locks: Locks | null;
	/** A BroadcastChannel, or null: then each tab is on its own. */
	openChannel: (name: string) => Channel | null;
	hint: Hint;
}

export interface Locks {
	request(name: string, options: { steal?: boolean }, work: () => Promise<void>): Promise<unknown>;
	query(): Promise<{ held?: { name?: string; clientId?: string }[] }>;
}

export interface Channel {
	postMessage(message: unknown): void;
	onmessage: ((event: MessageEvent) => void) | null;
	close(): void;
}

/**
 * The cookie that says "there may be a session", or "there is one that was signed out of, and the service has not heard of
 * it", since the refresh cookie cannot be seen by scripts. No secret, but a host that could set it could sign people out: by
 * `__Host-` no other host of the site can, and there are no two of the name (RFC 6265bis §4.1.3.2). Browsers that take no
 * such cookie on http take none of the service's either.
 */
export interface Hint {
	/** Whether there may be a session. */
	read(): boolean;
	write(seconds: number): void;
	/** Whether a sign-out is owed. */
	owes(): boolean;
	owe(): void;
	remove(): void;
}

/** The browser's. Harmless where there is none: a prerenderer is signed out, and no open channel keeps it from ending. */
export function browser(): Environment {
	const isBrowser = typeof document !== 'undefined';
	return {
		fetch: (request) => fetch(request),
		now: () => performance.now(),
		setTimeout: (run, ms) => setTimeout(run, ms),
		clearTimeout: (timer) => clearTimeout(timer),
		locks: (isBrowser && navigator.locks) || null,
		openChannel: (name) => {
			if (!isBrowser) return null;
			try {
				return new BroadcastChannel(name);
			} catch {
				return null; // Storage is blocked here.
			}
		},
		hint: {
			read: () => isBrowser && /(?:^|; )__Host-signed-in=1(?:;|$)/.test(document.cookie),
			write: (seconds) => setHint(1, seconds),
			owes: () => isBrowser && /(?:^|; )__Host-signed-in=0(?:;|$)/.test(document.cookie),
			owe: () => setHint(0, LONGEST_SESSION),
			remove: () => setHint(0, 0)
		}
	};
}

/** What the service allows at most, a year: no session that is owed an end outlives it. */
const LONGEST_SESSION = 31_536_000;

function setHint(value: 0 | 1, seconds: number) {
	document.cookie = `__Host-signed-in=${value}; Max-Age=${seconds}; Path=/; Secure; SameSite=Strict`;
}
