import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, Problem, SignedOut, Unreachable } from '../src/index.ts';
import { Browser, type Tab } from './browser.ts';
import { problem } from './service.ts';

const REFRESH = 'POST /auth/refresh';
const PROFILE = 'GET /auth/profile';
const LOGOUT = 'POST /auth/logout';
const ADA = { username: 'ada', password: 'correct horse battery staple 42' };
const BOB = { username: 'bob', password: 'wooden lantern over quiet harbour' };

let browser: Browser;
let unhandled: unknown[];
const note = (error: unknown) => unhandled.push(error);

beforeEach(() => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
	browser = new Browser();
	for (const { username, password } of [ADA, BOB])
		browser.service.users.set(username, { password, full_name: null, version: 1 });
	unhandled = [];
	process.on('unhandledRejection', note);
});

afterEach(async () => {
	await vi.advanceTimersByTimeAsync(60_000);
	vi.useRealTimers();
	await new Promise((resolve) => setTimeout(resolve));
	process.off('unhandledRejection', note);
	expect(unhandled).toEqual([]);
	expect(browser.service.reuses).toBe(0);
});

/** Lets time pass until it is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
	let isPending = true;
	const stop = () => (isPending = false);
	promise.then(stop, stop);
	for (let waited = 0; isPending && waited < 60_000; waited += 5) await vi.advanceTimersByTimeAsync(5);
	expect(isPending).toBe(false);
	return promise;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function signedIn(who = ADA): Promise<Tab> {
	const tab = browser.tab();
	await settled(tab.client.login(who));
	return tab;
}

/** A tab that knows the session too. */
async function restored(): Promise<Tab> {
	const tab = browser.tab();
	expect(await settled(tab.client.restore())).toBe(true);
	return tab;
}

async function whoIs(tab: Tab): Promise<string> {
	return (await settled(tab.client.readProfile())).user.username;
}

describe('a signed-out page', () => {
	it('makes no request', async () => {
		const { client } = browser.tab();
		expect(client.status).toBe('signed_out');
		expect(await settled(client.restore())).toBe(false);
		await expect(settled(client.readProfile())).rejects.toBeInstanceOf(SignedOut);
		expect(browser.service.requests).toEqual([]);
	});

	it('registers, and stays signed out', async () => {
		const { client } = browser.tab();
		const user = await settled(
			client.register({ email: 'eve@example.com', username: 'eve', password: 'x'.repeat(20) })
		);
		expect(user.username).toBe('eve');
		expect(client.status).toBe('signed_out');
		const again = client.register({ email: 'eve@example.com', username: 'eve', password: 'x'.repeat(20) });
		await expect(settled(again)).rejects.toMatchObject({ code: 'username_taken', status: 409 });
	});

	it('stays so after a wrong password, which is tried once', async () => {
		const { client } = browser.tab();
		const login = client.login({ ...ADA, password: 'wrong' });
		await expect(settled(login)).rejects.toMatchObject({ code: 'invalid_credentials' });
		expect(client.status).toBe('signed_out');
		expect(browser.cookies).toEqual({});
		expect(browser.service.requests).toEqual(['POST /auth/login']);
	});
});

describe('a session', () => {
	it('begins with a sign-in, in other tabs too', async () => {
		const other = browser.tab();
		const tab = await signedIn();
		await pass(10);
		expect(tab.told).toEqual(['signed_in']);
		expect(other.told).toEqual(['signed_in']);
		expect(browser.cookies.hint).toBe('1209600');
		expect(await whoIs(other)).toBe('ada');
		expect(browser.service.count(REFRESH)).toBe(0);
	});

	it('is restored by one refresh where no other tab is', async () => {
		(await signedIn()).kill();
		const tab = browser.tab();
		expect(tab.client.status).toBe('unknown');
		expect(await settled(tab.client.restore())).toBe(true);
		expect(tab.told).toEqual(['signed_in']);
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('is restored from another tab without a refresh', async () => {
		await signedIn();
		await restored();
		expect(browser.service.count(REFRESH)).toBe(0);
	});

	it('is refreshed once for many requests whose token is old', async () => {
		const { client } = await signedIn();
		await pass(541_000);
		const answers = await settled(Promise.all(Array.from({ length: 20 }, () => client.readProfile())));
		expect(answers).toHaveLength(20);
		expect(browser.service.count(REFRESH)).toBe(1);
		expect(browser.service.count(PROFILE)).toBe(20);
	});

	it('is refreshed once by many tabs', async () => {
		const tabs = [await signedIn()];
		for (let i = 0; i < 5; i++) tabs.push(await restored());
		await pass(541_000);
		browser.latency = () => 200;
		await settled(Promise.all(tabs.flatMap(({ client }) => [client.readProfile(), client.listSessions()])));
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('is refreshed by no timer', async () => {
		await signedIn();
		await pass(24 * 3_600_000);
		expect(browser.service.requests).toEqual(['POST /auth/login']);
	});

	it('leaves no timer behind a request', async () => {
		const { client } = await signedIn();
		await settled(client.readProfile());
		await settled(client.revokeSessions({ keep: 'current' }));
		expect(vi.getTimerCount()).toBe(0);
	});

	it('asks no other tab while its own token is good', async () => {
		const { client } = await signedIn();
		const start = performance.now();
		await settled(client.revokeSessions({ keep: 'current' }));
		expect(performance.now() - start).toBeLessThan(50);
	});

	it('is refreshed once after several 401s, also those that come late', async () => {
		const { client } = await signedIn();
		// The clock of the page stood still while the machine slept.
		browser.service.slept = 700_000;
		const latencies = [5, 5, 5, 400];
		browser.latency = () => latencies.shift() ?? 5;
		await settled(Promise.all([1, 2, 3, 4].map(() => client.readProfile())));
		expect(browser.service.count(REFRESH)).toBe(1);
		expect(browser.service.count(PROFILE)).toBe(8);
	});

	it('is refreshed once by tabs whose tokens were refused at the same moment', async () => {
		const tabs = [await signedIn(), await restored(), await restored()];
		browser.service.slept = 700_000;
		await settled(Promise.all(tabs.map(({ client }) => client.readProfile())));
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('survives tokens that live for a second', async () => {
		browser.service.expiresIn = 1;
		const { client } = await signedIn();
		await pass(2_000);
		await settled(client.readProfile());
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('tries a refused request once more, and not for ever', async () => {
		const { client } = await signedIn();
		browser.service.instead = ({ url }) =>
			url.endsWith('/profile') ? problem(401, 'invalid_token') : undefined;
		await expect(settled(client.readProfile())).rejects.toMatchObject({ code: 'invalid_token' });
		expect(browser.service.count(PROFILE)).toBe(2);
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('tries no more than three times, whatever the other tabs give', async () => {
		const tab = await signedIn();
		const others = [await restored(), await restored(), await restored()];
		// None hears of the tokens of the others.
		browser.delivery = () => 3_600_000;
		for (const { client } of others) {
			browser.service.slept += 700_000;
			await settled(client.readProfile());
		}
		browser.delivery = () => 1;
		browser.service.instead = ({ url }) =>
			url.endsWith('/profile') ? problem(401, 'invalid_token') : undefined;
		const before = browser.service.count(PROFILE);
		await expect(settled(tab.client.readProfile())).rejects.toMatchObject({ code: 'invalid_token' });
		expect(browser.service.count(PROFILE) - before).toBe(3);
	});

	it('is refreshed when the gateway refuses the token in its own words', async () => {
		const { client } = await signedIn();
		const answers = [Response.json({ message: 'Unauthorized' }, { status: 401 })];
		browser.service.instead = ({ url }) => (url.endsWith('/profile') ? answers.pop() : undefined);
		await settled(client.readProfile());
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('changes a profile on condition of its version', async () => {
		const { client } = await signedIn();
		const { version } = await settled(client.readProfile());
		const changed = await settled(client.changeProfile({ full_name: 'Ada' }, version));
		expect(changed).toMatchObject({ user: { full_name: 'Ada' }, version: '"2"' });
		await expect(settled(client.changeProfile({ bio: null }, version))).rejects.toMatchObject({
			code: 'precondition_failed',
			status: 412
		});
	});
});

describe('the end of a session', () => {
	it('by sign-out is known to all tabs, and to the service', async () => {
		const tab = await signedIn();
		const other = await restored();
		const cookie = browser.cookies.refresh;
		await settled(tab.client.logout());
		await pass(10);
		for (const { client, told } of [tab, other]) {
			expect(client.status).toBe('signed_out');
			expect(told).toEqual(['signed_in', 'signed_out']);
		}
		expect(browser.cookies).toEqual({});
		expect(browser.service.isAlive(cookie)).toBe(false);
	});

	it.each(['offline', 'out of order'])(
		'by sign-out is forgotten here though the service is %s',
		async (why) => {
			const tab = await signedIn();
			const other = await restored();
			browser.service.instead = () => {
				if (why === 'offline') throw new TypeError('Failed to fetch');
				return problem(503, 'unavailable');
			};
			await expect(settled(tab.client.logout())).rejects.toBeInstanceOf(
				why === 'offline' ? Unreachable : Problem
			);
			await pass(10);
			expect([tab.client.status, other.client.status]).toEqual(['signed_out', 'signed_out']);
			expect(browser.cookies.hint).toBe('owed');
			const made = browser.service.requests.length;
			await expect(settled(other.client.readProfile())).rejects.toBeInstanceOf(SignedOut);
			expect(browser.service.requests).toHaveLength(made);
			// And it can be tried again.
			browser.service.instead = () => undefined;
			await settled(tab.client.logout());
			expect(browser.cookies).toEqual({});
		}
	);

	it('by sign-out is told by the next tab, once, where the service could not be reached', async () => {
		const tab = await signedIn();
		const cookie = browser.cookies.refresh;
		browser.service.instead = () => {
			throw new TypeError('Failed to fetch');
		};
		await settled(tab.client.logout()).catch(() => {});
		tab.kill();
		// Still out of reach: it stays owed, and nobody is troubled.
		const early = browser.tab();
		await pass(1_000);
		expect([early.client.status, browser.cookies.hint]).toEqual(['signed_out', 'owed']);
		browser.service.instead = () => undefined;
		const tabs = [browser.tab(), browser.tab(), browser.tab()];
		const made = browser.service.count(LOGOUT);
		await pass(1_000);
		expect(browser.service.count(LOGOUT)).toBe(made + 1);
		expect(browser.service.isAlive(cookie)).toBe(false);
		expect(browser.cookies).toEqual({});
		for (const { client, told } of tabs) expect([client.status, told]).toEqual(['signed_out', []]);
	});

	it('by sign-out is told by the next tab where the first was closed before it could', async () => {
		const tab = await signedIn();
		const cookie = browser.cookies.refresh;
		// Another tab has the lock.
		browser.latency = () => 300;
		tab.client.changeProfile({ bio: 'x' }).catch(() => {});
		tab.client.revokeSessions({ keep: 'current' }).catch(() => {});
		await pass(10);
		tab.client.logout().catch(() => {});
		tab.kill();
		await pass(1_000);
		browser.tab();
		await pass(1_000);
		expect(browser.service.isAlive(cookie)).toBe(false);
		expect(browser.cookies).toEqual({});
	});

	it('by sign-out is not owed any more when somebody signs in', async () => {
		const tab = await signedIn();
		browser.service.instead = () => {
			throw new TypeError('Failed to fetch');
		};
		await settled(tab.client.logout()).catch(() => {});
		browser.service.instead = () => undefined;
		await settled(tab.client.login(ADA));
		const other = await restored();
		await pass(1_000);
		expect([tab.client.status, other.client.status]).toEqual(['signed_in', 'signed_in']);
		expect(browser.service.isAlive(browser.cookies.refresh)).toBe(true);
	});

	it('elsewhere is found out by the first request', async () => {
		const tab = await signedIn();
		const other = await restored();
		browser.service.revokeAll('ada');
		await expect(settled(tab.client.readProfile())).rejects.toBeInstanceOf(SignedOut);
		await pass(10);
		expect([tab.client.status, other.client.status]).toEqual(['signed_out', 'signed_out']);
		expect(browser.cookies).toEqual({});
		expect(browser.service.count(REFRESH)).toBe(1);
	});

	it('elsewhere is found out also where another tab gives a token that is just as dead', async () => {
		const other = await signedIn();
		const tab = await restored();
		await pass(300_000);
		// This tab does not hear of it, and has the older token.
		browser.delivery = () => 3_600_000;
		browser.service.slept = 700_000;
		await settled(other.client.readProfile());
		browser.delivery = () => 1;
		browser.service.revokeAll('ada');
		await expect(settled(tab.client.readProfile())).rejects.toBeInstanceOf(SignedOut);
		expect(browser.service.count(REFRESH)).toBe(2);
		await pass(10);
		expect([tab.client.status, other.client.status]).toEqual(['signed_out', 'signed_out']);
		expect(browser.cookies.hint).toBeUndefined();
	});

	it('stays the end while a refresh of the same tab is under way', async () => {
		const tab = await signedIn();
		await pass(541_000);
		browser.latency = () => 300;
		const reading = tab.client.readProfile();
		reading.catch(() => {});
		await pass(400);
		expect(browser.service.count(REFRESH)).toBe(1);
		const leaving = tab.client.logout();
		expect(tab.client.status).toBe('signed_out');
		await expect(settled(reading)).rejects.toBeInstanceOf(SignedOut);
		await settled(leaving);
		expect(tab.told).toEqual(['signed_in', 'signed_out']);
		expect(browser.cookies).toEqual({});
		expect(browser.service.count(PROFILE)).toBe(0);
	});

	it.each([1, 250, 2_000])(
		'stays the end while another tab refreshes, with messages %i ms late',
		async (delivery) => {
			const tab = await signedIn();
			const other = await restored();
			await pass(541_000);
			browser.latency = () => 300;
			browser.delivery = () => delivery;
			const reading = other.client.readProfile();
			reading.catch(() => {});
			await pass(400);
			expect(browser.service.count(REFRESH)).toBe(1);
			const cookie = browser.cookies.refresh;
			await settled(tab.client.logout());
			await settled(reading.catch(() => {}));
			await pass(10_000);
			expect([tab.client.status, other.client.status]).toEqual(['signed_out', 'signed_out']);
			expect(browser.cookies).toEqual({});
			expect(browser.service.isAlive(cookie)).toBe(false);
		}
	);

	it('stays the end in a tab that had not asked yet, while another tab refreshes', async () => {
		const other = await signedIn();
		const tab = browser.tab();
		await pass(541_000);
		browser.latency = () => 100;
		browser.delivery = () => 150;
		other.client.readProfile().catch(() => {});
		await pass(150);
		await settled(tab.client.logout());
		await pass(1_000);
		expect(tab.told).toEqual(['signed_out']);
		expect(other.client.status).toBe('signed_out');
	});

	it('stays the end for a tab that was asking, though another one answers', async () => {
		const leaver = await signedIn();
		const answerer = await restored();
		const asker = browser.tab();
		browser.delivery = () => 20;
		const asked = asker.client.restore();
		await pass(10);
		const leaving = leaver.client.logout();
		expect(await settled(asked)).toBe(false);
		await settled(leaving);
		await pass(100);
		expect(asker.told).toEqual(['signed_out']);
		expect(answerer.client.status).toBe('signed_out');
	});

	it('drops an answer that comes after it', async () => {
		const tab = await signedIn();
		browser.latency = () => 100;
		const reading = tab.client.readProfile();
		reading.catch(() => {});
		await pass(150);
		const leaving = tab.client.logout();
		await expect(settled(reading)).rejects.toBeInstanceOf(SignedOut);
		await settled(leaving);
	});

	it('comes when all sessions are revoked, and not when this one is kept', async () => {
		const tab = await signedIn();
		await settled(tab.client.revokeSessions({ keep: 'current' }));
		expect(tab.client.status).toBe('signed_in');
		await settled(tab.client.revokeSessions());
		expect(tab.client.status).toBe('signed_out');
		expect(browser.cookies.hint).toBeUndefined();
	});

	it('comes when this very session is revoked, and not when another one is', async () => {
		const tab = await signedIn();
		const [own] = await settled(tab.client.listSessions());
		await settled(tab.client.revokeSession('s99'));
		expect(tab.client.status).toBe('signed_in');
		await settled(tab.client.revokeSession(own?.id ?? ''));
		expect(tab.client.status).toBe('signed_out');
	});
});

describe('a refresh that fails', () => {
	const failures: [string, () => Response][] = [
		['429', () => problem(429, 'too_many_requests', { 'Retry-After': '7' })],
		['503', () => problem(503, 'unavailable')],
		['403', () => problem(403, 'forbidden')],
		["a gateway's 500", () => Response.json({ message: 'Internal Server Error' }, { status: 500 })],
		["a stranger's 401", () => new Response('<h1>Who are you?</h1>', { status: 401 })],
		["a network's sign-in page", () => new Response('<h1>Buy airtime</h1>')],
		['an empty answer', () => new Response(null)],
		['a broken connection', () => Promise.reject(new TypeError('Failed to fetch')) as never]
	];
	it.each(failures)(
		'by %s ends no session, is shared by all who wait, and is tried anew by the next',
		async (_name, answer) => {
			const { client } = await signedIn();
			await pass(541_000);
			browser.service.instead = ({ url }) => (url.endsWith('/refresh') ? answer() : undefined);
			const results = await settled(
				Promise.allSettled([client.readProfile(), client.listSessions(), client.restore()])
			);
			const [first] = results.map((result) => (result.status === 'rejected' ? result.reason : undefined));
			expect(first instanceof Problem || first instanceof Unreachable).toBe(true);
			expect(results.every((result) => result.status === 'rejected' && result.reason === first)).toBe(true);
			expect(browser.service.count(REFRESH)).toBe(1);
			expect(client.status).toBe('signed_in');
			expect(browser.cookies.hint).toBeDefined();

			browser.service.instead = () => undefined;
			await settled(client.readProfile());
			expect(browser.service.count(REFRESH)).toBe(2);
		}
	);

	it('by a time-out is given up after ten seconds', async () => {
		const { client } = await signedIn();
		await pass(541_000);
		browser.latency = () => 20_000;
		const reading = client.readProfile();
		reading.catch(() => {});
		await pass(9_900);
		browser.latency = () => 10;
		await expect(settled(reading)).rejects.toBeInstanceOf(Unreachable);
		await settled(client.readProfile());
	});
});

describe('another user', () => {
	it('who signs in elsewhere takes over all tabs, which are told', async () => {
		const tab = await signedIn();
		const other = await restored();
		await settled(other.client.login(BOB));
		await pass(10);
		expect(tab.told).toEqual(['signed_in', 'signed_in']);
		expect(await whoIs(tab)).toBe('bob');
	});

	it('never gets what the user before asked for, though the tab heard of nothing', async () => {
		const tab = await signedIn();
		const other = await restored();
		browser.delivery = () => 3_600_000;
		await settled(other.client.login(BOB));
		browser.delivery = () => 1;
		// Ada's form, sent with Ada's dead token: refused, refreshed with Bob's cookie.
		await expect(settled(tab.client.changeProfile({ full_name: 'Ada' }))).rejects.toBeInstanceOf(SignedOut);
		expect(browser.service.users.get('bob')?.full_name).toBeNull();
		expect(tab.told).toEqual(['signed_in', 'signed_in']);
		expect(await whoIs(tab)).toBe('bob');
	});

	it('never gets it without channels either', async () => {
		browser.hasChannels = false;
		const tab = await signedIn();
		const other = await restored();
		await settled(other.client.login(BOB));
		await expect(settled(tab.client.changeProfile({ full_name: 'Ada' }))).rejects.toBeInstanceOf(SignedOut);
		expect(browser.service.users.get('bob')?.full_name).toBeNull();
		expect(await whoIs(tab)).toBe('bob');
	});

	it('is not shown the answer that the user before was waiting for', async () => {
		const tab = await signedIn();
		const other = await restored();
		browser.latency = () => 500;
		const reading = tab.client.readProfile();
		reading.catch(() => {});
		await pass(600);
		browser.latency = () => 5;
		await settled(other.client.login(BOB));
		await expect(settled(reading)).rejects.toBeInstanceOf(SignedOut);
	});

	it('may be the same user again: then all goes on, and nobody is told', async () => {
		const tab = await signedIn();
		const other = await restored();
		await settled(other.client.login(ADA));
		await pass(10);
		expect(tab.told).toEqual(['signed_in']);
		expect(await whoIs(tab)).toBe('ada');
		expect(browser.service.count(REFRESH)).toBe(0);
	});
});

describe('a password change', () => {
	const change = { current_password: ADA.password, new_password: 'a new one, long enough' };

	it('goes on in a new session, in all tabs', async () => {
		const tab = await signedIn();
		const other = await restored();
		const reading = other.client.readProfile();
		const user = await settled(tab.client.changePassword(change));
		expect(user.username).toBe('ada');
		expect((await settled(reading)).user.username).toBe('ada');
		expect(await whoIs(tab)).toBe('ada');
		expect(await whoIs(other)).toBe('ada');
		expect(tab.told).toEqual(['signed_in']);
	});

	it('by one tab while another one refreshes keeps both signed in', async () => {
		const tab = await signedIn();
		const other = await restored();
		await pass(541_000);
		browser.latency = () => 200;
		await settled(
			Promise.all([
				other.client.readProfile(),
				tab.client.changePassword(change),
				other.client.listSessions()
			])
		);
		expect([tab.client.status, other.client.status]).toEqual(['signed_in', 'signed_in']);
	});

	it('with a wrong password is refused once, and refreshes nothing', async () => {
		const { client } = await signedIn();
		const wrong = client.changePassword({ ...change, current_password: 'wrong' });
		await expect(settled(wrong)).rejects.toMatchObject({ code: 'invalid_credentials' });
		expect(browser.service.count('POST /auth/password/change')).toBe(1);
		expect(browser.service.count(REFRESH)).toBe(0);
		expect(client.status).toBe('signed_in');
	});

	it('with an old token refreshes first', async () => {
		const { client } = await signedIn();
		browser.service.slept = 700_000;
		await settled(client.changePassword(change));
		expect(browser.service.count('POST /auth/password/change')).toBe(2);
		expect(browser.service.count(REFRESH)).toBe(1);
	});
});

describe('tabs', () => {
	it('that die while they refresh free the others', async () => {
		const tab = await signedIn();
		const other = await restored();
		await pass(541_000);
		browser.latency = () => 100;
		tab.client.readProfile().catch(() => {});
		await pass(160);
		tab.kill();
		expect(await whoIs(other)).toBe('ada');
		expect(browser.service.count(REFRESH)).toBe(2);
	});

	it('that are frozen do not answer, and cost 50 ms', async () => {
		const tab = await signedIn();
		tab.freeze();
		expect(await whoIs(await restored())).toBe('ada');
		expect(browser.service.count(REFRESH)).toBe(1);
		tab.thaw();
		expect(await whoIs(tab)).toBe('ada');
	});

	it('that freeze while they refresh hold nobody up for ever, and go on when they thaw', async () => {
		const tab = await signedIn();
		const other = await restored();
		await pass(541_000);
		browser.latency = () => 100;
		const reading = tab.client.readProfile();
		reading.catch(() => {});
		await pass(160);
		tab.freeze();
		expect(await whoIs(other)).toBe('ada');
		await pass(300_000);
		tab.thaw();
		await settled(reading.catch(() => {}));
		expect(await whoIs(tab)).toBe('ada');
		expect(await whoIs(other)).toBe('ada');
	});

	it('that slept with the machine take the lock from nobody', async () => {
		const tab = await signedIn();
		const other = await restored();
		browser.latency = () => 2_000;
		const login = tab.client.login(ADA);
		await pass(100);
		const leaving = other.client.revokeSessions({ keep: 'current' });
		leaving.catch(() => {});
		for (const each of [tab, other]) each.freeze();
		await pass(3_600_000);
		for (const each of [other, tab]) each.thaw();
		await settled(login);
		await settled(leaving.catch(() => {}));
		expect(browser.locks.steals).toBe(0);
		expect(await whoIs(other)).toBe('ada');
	});

	it('ignore messages of other versions, and garbage', async () => {
		const tab = await signedIn();
		const access_token = 'e30.eyJzdWIiOiJtYWxsb3J5In0.c2ln';
		for (const message of [
			null,
			'signed_out',
			42,
			{ type: 'signed_out' },
			{ v: 0, type: 'signed_out' },
			{ v: 2, type: 'tokens', access_token, fresh_ms: 1000 },
			{ v: 1, type: 'tokens', access_token },
			{ v: 1, type: 'tokens', access_token, fresh_ms: 'long' },
			{ v: 1, type: 'tokens', access_token: null, fresh_ms: 1000 },
			{ v: 1, type: 'answer', id: 'unasked', access_token, fresh_ms: 1000 },
			{ v: 1, type: 'ask' },
			{ v: 1 }
		])
			tab.receive(message);
		expect(tab.told).toEqual(['signed_in']);
		expect(await whoIs(tab)).toBe('ada');
		expect(browser.service.count(REFRESH)).toBe(0);
	});

	it('without Web Locks still refresh once per tab', async () => {
		browser.hasLocks = false;
		const tab = await signedIn();
		await pass(541_000);
		await settled(Promise.all([1, 2, 3].map(() => tab.client.readProfile())));
		expect(browser.service.count(REFRESH)).toBe(1);
		await settled(tab.client.logout());
		await settled(tab.client.login(BOB));
		expect(await whoIs(tab)).toBe('bob');
	});

	it('whose locks are denied still sign in', async () => {
		const denied = () => Promise.reject(new DOMException('denied', 'SecurityError'));
		browser.locks.of = () => ({ request: denied, query: denied });
		expect(await whoIs(await signedIn())).toBe('ada');
	});

	it('are not harmed by a listener that throws', async () => {
		const tab = browser.tab();
		const thrown: unknown[] = [];
		const listeners = process.listeners('uncaughtException');
		process.removeAllListeners('uncaughtException');
		process.once('uncaughtException', (error) => thrown.push(error));
		tab.client.subscribe(() => {
			throw new Error('of the page');
		});
		const stop = tab.client.subscribe(() => tab.told.push('unsubscribed'));
		stop();
		await settled(tab.client.login(ADA));
		await pass(1);
		for (const listener of listeners) process.on('uncaughtException', listener);
		expect(tab.told).toEqual(['signed_in']);
		expect(String(thrown)).toContain('of the page');
	});
});

describe('a closed client', () => {
	it('leaves no timer, ends what is under way, and asks for nothing', async () => {
		const tab = await signedIn();
		browser.tab().client.close();
		await pass(541_000);
		browser.latency = () => 1_000;
		const reading = tab.client.readProfile();
		reading.catch(() => {});
		await pass(100);
		tab.client.close();
		await expect(settled(reading)).rejects.toBeInstanceOf(Unreachable);
		await pass(5_000);
		expect(vi.getTimerCount()).toBe(0);
		await expect(settled(tab.client.readProfile())).rejects.toBeInstanceOf(Unreachable);
		expect(browser.service.count(PROFILE)).toBe(0);
	});

	it('is no harm where there is no browser', () => {
		const client = createClient();
		expect(client.status).toBe('signed_out');
		client.close();
	});
});
