import type { ClientOptions } from './client.ts';
import { browser } from './environment.ts';

/** What the channel of the tabs, and their lock, are called. */
export const channelName = (baseUrl: string) => `vestibule:${baseUrl}`;

/**
 * For a page that loads the client when it needs it: calls `load` now if there may be a session, or a sign-out is owed,
 * else as soon as another tab says something. Where `load` rejects, it is called again when another tab next says something.
 */
export function whenNeeded(
	load: () => Promise<unknown>,
	{ baseUrl = '', environment }: ClientOptions = {}
): void {
	const { hint, openChannel } = { ...browser(), ...environment };
	if (hint.read() || hint.owes()) {
		load().catch(() => {});
		return;
	}
	const channel = openChannel(channelName(baseUrl));
	if (!channel) return;
	channel.onmessage = () => {
		load().then(
			() => channel.close(),
			() => {}
		);
	};
}
