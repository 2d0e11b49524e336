import { expect, test, vi } from 'vitest';
import { whenNeeded, type Channel } from '../src/index.ts';

function environment(hasHint: boolean, hasChannel = true, owes = false) {
	const channel = { onmessage: null, postMessage: vi.fn(), close: vi.fn() } satisfies Channel as Channel;
	const openChannel = vi.fn<(name: string) => Channel | null>(() => (hasChannel ? channel : null));
	const hint = { read: () => hasHint, write: () => {}, owes: () => owes, owe: () => {}, remove: () => {} };
	const hear = async () => {
		channel.onmessage?.({ data: null } as MessageEvent);
		await Promise.resolve();
	};
	return { hint, openChannel, channel, hear };
}

test('a page with the hint needs the client at once', () => {
	const { hint, openChannel } = environment(true);
	const load = vi.fn(() => Promise.reject(new Error('offline')));
	whenNeeded(load, { environment: { hint, openChannel } });
	expect(load).toHaveBeenCalledTimes(1);
	expect(openChannel).not.toHaveBeenCalled();
});

test('a page that owes a sign-out needs the client at once', () => {
	const { hint, openChannel } = environment(false, true, true);
	const load = vi.fn(() => Promise.resolve());
	whenNeeded(load, { environment: { hint, openChannel } });
	expect(load).toHaveBeenCalledTimes(1);
});

test('a page without it needs the client when another tab says something, and listens until it has come', async () => {
	const { hint, openChannel, channel, hear } = environment(false);
	const load = vi.fn(() => Promise.resolve()).mockRejectedValueOnce(new Error('offline'));
	whenNeeded(load, { baseUrl: 'https://auth.example.com', environment: { hint, openChannel } });
	expect(openChannel).toHaveBeenCalledWith('vestibule:https://auth.example.com');
	expect(load).not.toHaveBeenCalled();
	await hear();
	expect(load).toHaveBeenCalledTimes(1);
	expect(channel.close).not.toHaveBeenCalled();
	await hear();
	expect(load).toHaveBeenCalledTimes(2);
	expect(channel.close).toHaveBeenCalledTimes(1);
});

test('a page that cannot hear the others waits for its own visitor', () => {
	const { hint, openChannel } = environment(false, false);
	const load = vi.fn(() => Promise.resolve());
	whenNeeded(load, { environment: { hint, openChannel } });
	expect(load).not.toHaveBeenCalled();
});
