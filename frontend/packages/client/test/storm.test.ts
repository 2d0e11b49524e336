import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SignedOut, Unreachable } from '../src/index.ts';
import { Browser, type Tab } from './browser.ts';
import { problem } from './service.ts';

const PASSWORD = 'correct horse battery staple 42';
const USERS = ['ada', 'bob'];

beforeEach(() => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
	vi.useRealTimers();
});

/** mulberry32: the same storm for the same seed. */
function random(seed: number) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

it.each(Array.from({ length: 40 }, (_, seed) => seed))(
	'four tabs that do anything at any time never reuse a token, mix users or disagree in the end (storm %i)',
	async (seed) => {
		const next = random(seed);
		const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
		const browser = new Browser();
		const { service } = browser;
		for (const username of USERS)
			service.users.set(username, { password: PASSWORD, full_name: null, version: 1 });
		browser.latency = () => 1 + next() * 400;
		browser.delivery = () => 1 + next() * 40;

		// Whose data each page shows: it forgets them when it is told to, and puts them into what it sends.
		const shown = new Map<Tab, string>();
		const open = () => {
			const tab = browser.tab();
			tab.client.subscribe(() => shown.delete(tab));
			return tab;
		};
		const tabs = [open(), open(), open(), open()];
		const strange: unknown[] = [];
		const isExpected = (error: unknown) =>
			error instanceof SignedOut ||
			error instanceof Unreachable ||
			['unavailable', 'invalid_token'].includes((error as { code?: string }).code ?? '');
		const running: Promise<unknown>[] = [];
		const run = (promise: Promise<unknown>) =>
			running.push(promise.catch((error) => void (isExpected(error) || strange.push(error))));

		const login = (tab: Tab) => run(tab.client.login({ username: pick(USERS), password: PASSWORD }));
		const deeds: ((tab: Tab) => void)[] = [
			login,
			login,
			login,
			(tab) => run(tab.client.logout()),
			(tab) => run(tab.client.restore()),
			(tab) => run(tab.client.revokeSessions(next() < 0.5 ? { keep: 'current' } : {})),
			(tab) => run(tab.client.changePassword({ current_password: PASSWORD, new_password: PASSWORD })),
			(tab) => {
				const user = shown.get(tab);
				if (user) run(tab.client.changeProfile({ full_name: user }));
			},
			(tab) => browser.locks.isWaitedFor(tab) || tab.freeze(),
			(tab) => {
				// What becomes of the cookie of an answer that nobody waits for is the network's whim, and its own test's matter.
				if (tab.requests > 0) return;
				tab.kill();
				tabs[tabs.indexOf(tab)] = open();
			},
			() => void (service.slept += next() * 700_000),
			() => {
				const until = service.now() + 300;
				service.instead = () => (service.now() < until ? problem(503, 'unavailable') : undefined);
			}
		];
		for (let step = 0; step < 250; step++) {
			const tab = pick(tabs);
			if (tab.isFrozen) {
				if (next() < 0.2) tab.thaw();
			} else if (next() < 0.5) {
				run(tab.client.readProfile().then(({ user }) => shown.set(tab, user.username)));
			} else {
				pick(deeds)(tab);
			}
			await vi.advanceTimersByTimeAsync(next() < 0.05 ? next() * 600_000 : next() * 300);
		}

		service.instead = () => undefined;
		for (const tab of tabs) tab.thaw();
		await vi.advanceTimersByTimeAsync(120_000);
		const ends = tabs.map(({ client }) =>
			client
				.restore()
				.then(() => client.readProfile())
				.then(({ user }) => user.username, String)
		);
		await vi.advanceTimersByTimeAsync(120_000);
		expect(new Set(await Promise.all(ends)).size).toBe(1);
		expect(new Set(tabs.map(({ client }) => client.status)).size).toBe(1);
		const isAlive = service.isAlive(browser.cookies.refresh) && browser.cookies.hint;
		expect(tabs[0]?.client.status).toBe(isAlive ? 'signed_in' : 'signed_out');

		for (const [username, { full_name }] of service.users) expect([null, username]).toContain(full_name);
		expect(strange).toEqual([]);
		expect(service.reuses).toBe(0);
		expect(service.count('GET /auth/profile')).toBeGreaterThan(0);
	}
);
