/** What the tabs of one origin say to one another. It stays in the memory of this browser's pages of this origin. */
export type Message =
	| { v: 1; type: 'ask'; id: string }
	| ({ v: 1; type: 'answer'; id: string } & Shared)
	| ({ v: 1; type: 'tokens' } & Shared)
	| { v: 1; type: 'signed_out' };

export interface Shared {
	access_token: string;
	/** How much longer it is fresh: clocks that nobody sets start at another time in each tab. */
	fresh_ms: number;
}

/** Null for what is none of ours: another version's, or garbage. */
export function parse(data: unknown): Message | null {
	if (typeof data !== 'object' || data === null) return null;
	const message = data as Partial<Record<string, unknown>>;
	if (message.v !== 1) return null;
	const hasId = typeof message.id === 'string';
	const hasToken =
		typeof message.access_token === 'string' &&
		Number.isFinite(message.fresh_ms) &&
		Number(message.fresh_ms) > 0;
	const isOurs =
		message.type === 'signed_out' ||
		(message.type === 'ask' && hasId) ||
		(message.type === 'answer' && hasId && hasToken) ||
		(message.type === 'tokens' && hasToken);
	return isOurs ? (data as Message) : null;
}
