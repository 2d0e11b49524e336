import type { BrowserContext, Page } from '@playwright/test';
import { port, site } from '../playwright.config.ts';
import {
	apiCalls,
	edit,
	expect,
	failing,
	fromElsewhere,
	gate,
	hint,
	newAccount,
	password,
	problem,
	shown,
	signIn,
	signInElsewhere,
	test
} from './service.ts';

interface Listed {
	id: string;
	client: string | null;
}

const signInHere = (page: Page) => page.getByRole('button', { name: 'Sign in', exact: true });

/** Whether the page has been loaded anew since `mark`. */
async function mark(page: Page): Promise<() => Promise<boolean>> {
	await page.evaluate(() => document.documentElement.setAttribute('data-marked', ''));
	return async () => (await page.locator('html[data-marked]').count()) === 0;
}

test.describe('refresh', () => {
	test('a tab that opens beside another takes the session over without a refresh', async ({
		page,
		context,
		account
	}) => {
		await signIn(page, account);
		const calls = apiCalls(context);
		const other = await context.newPage();
		await other.goto('/account/profile');
		await expect(other.getByText(account.email)).toBeVisible();
		expect(calls).toEqual(['GET /auth/profile']);
	});

	test('a token that is nearly over is refreshed before the next request, not by a timer', async ({
		page,
		context,
		account
	}) => {
		await page.clock.install();
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const calls = apiCalls(context);
		await page.clock.runFor('20:00');
		await edit(page, 'Full name', 'Ada Lovelace');
		await expect(page.getByText('Saved: Full name')).toBeVisible();
		expect(calls).toEqual(['POST /auth/refresh', 'PATCH /auth/profile']);
	});

	test.describe('of a token that the service refuses', () => {
		test.use({ expectErrors: failing(401) });

		test('an access token that expires in the middle of an edit costs one refresh, and the edit is saved', async ({
			page,
			context,
			account
		}) => {
			await signIn(page, account);
			await expect(page.getByText(account.email)).toBeVisible();
			const calls = apiCalls(context);
			let isExpired = true;
			await page.route('**/auth/profile', async (route) => {
				if (!isExpired || route.request().method() !== 'PATCH') return route.continue();
				isExpired = false;
				await route.fulfill(problem(401, 'invalid_token', { 'WWW-Authenticate': 'Bearer' }));
			});
			let editors = 0;
			await page.exposeFunction('sawEditor', () => editors++);
			await page.getByRole('button', { name: 'Edit: Full name' }).click();
			await page.evaluate(() =>
				new MutationObserver((changes) => {
					const isEditor = (node: Node) => node instanceof Element && node.querySelector('input, textarea');
					for (const { addedNodes } of changes)
						if ([...addedNodes].some(isEditor)) (window as unknown as { sawEditor(): void }).sawEditor();
				}).observe(document.body, { childList: true, subtree: true })
			);
			await page.getByRole('textbox', { name: 'Full name' }).fill('Ada Lovelace');
			await page.getByRole('button', { name: 'Save' }).click();
			await expect(page.getByText('Saved: Full name')).toBeVisible();
			expect(calls).toEqual(['PATCH /auth/profile', 'POST /auth/refresh', 'PATCH /auth/profile']);
			expect(editors).toBe(0);
			await page.reload();
			await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');
		});
	});
});

test.describe('sign-out', () => {
	test('in one tab signs the others out, without a reload', async ({ page, context, account }) => {
		await signIn(page, account);
		const other = await context.newPage();
		await other.goto('/account/sessions');
		await expect(other.getByText('This device')).toBeVisible();
		const home = await context.newPage();
		await home.goto('/');
		const isReloaded = [await mark(other), await mark(home)];
		await page.getByRole('button', { name: 'Sign out' }).click();
		await expect(page).toHaveURL('/');
		await expect(other).toHaveURL('/login?next=%2Faccount%2Fsessions');
		await expect(signInHere(other)).toBeVisible();
		await expect(home.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
		for (const was of isReloaded) expect(await was()).toBe(false);
		expect((await context.cookies()).map(({ name }) => name)).toEqual(['__Host-device']);
	});

	test.describe('that could not reach the service', () => {
		test.use({ expectErrors: [/ERR_FAILED/] });
		test('is made up for by the next page', async ({ page, context, account }) => {
			await signIn(page, account);
			const before = await context.cookies();
			await page.route('**/auth/logout', (route) => route.abort());
			await page.getByRole('button', { name: 'Sign out', exact: true }).click();
			await expect(page.getByText('The service could not be told yet.')).toBeVisible();
			await expect(page).toHaveURL('/');
			const names = async () => (await context.cookies()).map(({ name }) => name).sort();
			expect(await names()).toEqual(['__Host-device', '__Host-refresh', '__Host-signed-in']);

			await page.unroute('**/auth/logout');
			const calls = apiCalls(context);
			await page.goto('/login');
			await expect(signInHere(page)).toBeEnabled();
			await expect.poll(names).toEqual(['__Host-device']);
			expect(calls).toEqual(['POST /auth/logout']);
			// Not this browser alone has forgotten it.
			await context.addCookies(before);
			const answer = await context.request.post('/auth/refresh', {
				headers: { origin: new URL(page.url()).origin }
			});
			expect(answer.status()).toBe(401);
		});
	});

	test.describe('that another host of the site wants', () => {
		test.use({
			baseURL: `http://auth.${site}:${port}`,
			expectErrors: [new RegExp(`^third party: http://other.${site}:`)]
		});
		test('is not to be had by cookies', async ({ page, context }) => {
			const account = await newAccount(`http://127.0.0.1:${port}`);
			await signIn(page, account);
			await expect(page.getByText(account.email)).toBeVisible();
			const other = await context.newPage();
			await other.goto(`http://other.${site}:${port}/health`);
			await other.evaluate((site) => {
				for (const name of ['signed-in', '__Host-signed-in', '__host-signed-in', '=__Host-signed-in'])
					document.cookie = `${name}=0; Domain=${site}; Path=/; Secure`;
			}, site);
			// What the browser takes of these.
			expect(await other.evaluate(() => document.cookie)).toBe('signed-in=0');

			const calls = apiCalls(context);
			await page.reload();
			await expect(page.getByText(account.email)).toBeVisible();
			expect(await page.evaluate(() => document.cookie)).toContain('; signed-in=0');
			expect(calls).toEqual(['POST /auth/refresh', 'GET /auth/profile']);
		});
	});

	test('everywhere ends the sessions of all devices, this one included', async ({
		page,
		account,
		baseURL
	}) => {
		const elsewhere = await signInElsewhere(baseURL, account);
		await signIn(page, account, '/login?next=/account/sessions');
		await page.getByRole('button', { name: 'Sign out everywhere' }).click();
		const dialog = page.getByRole('dialog', { name: 'Sign out everywhere' });
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		await expect(dialog).toBeHidden();
		expect((await fromElsewhere(baseURL, elsewhere, 'GET', '/auth/profile')).status).toBe(200);

		await page.getByRole('button', { name: 'Sign out everywhere' }).click();
		await dialog.getByRole('button', { name: 'Sign out' }).click();
		await expect(page.getByText('You are signed out everywhere.')).toBeVisible();
		await expect(page).toHaveURL('/');
		await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
		expect((await fromElsewhere(baseURL, elsewhere, 'GET', '/auth/profile')).status).toBe(401);
		await page.goto('/account/profile');
		await expect(page).toHaveURL('/login?next=%2Faccount%2Fprofile');
	});
});

test.describe('devices', () => {
	test('one that is ended is signed out and leaves the list; this one goes on', async ({
		page,
		account,
		baseURL
	}) => {
		const elsewhere = await signInElsewhere(baseURL, account);
		await signIn(page, account, '/login?next=/account/sessions');
		const devices = page.getByRole('main').getByRole('listitem');
		await expect(devices).toHaveCount(2);
		await expect(devices.filter({ hasText: 'This device' }).getByRole('button')).toHaveCount(0);
		await page.getByRole('button', { name: 'Sign out: curl' }).click();
		await expect(page.getByText('That device is signed out.')).toBeVisible();
		await expect(devices).toHaveCount(1);
		await expect(devices).toContainText('This device');
		expect((await fromElsewhere(baseURL, elsewhere, 'GET', '/auth/profile')).status).toBe(401);
		await page.getByRole('link', { name: 'Profile' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
	});

	test('all others are ended at once', async ({ page, account, baseURL }) => {
		const elsewhere = [await signInElsewhere(baseURL, account), await signInElsewhere(baseURL, account)];
		await signIn(page, account, '/login?next=/account/sessions');
		const devices = page.getByRole('main').getByRole('listitem');
		await expect(devices).toHaveCount(3);
		await page.getByRole('button', { name: 'Sign out all others' }).click();
		await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
		await expect(page.getByText('All other devices are signed out.')).toBeVisible();
		await expect(devices).toHaveCount(1);
		await expect(page.getByRole('button', { name: 'Sign out all others' })).toBeHidden();
		for (const token of elsewhere)
			expect((await fromElsewhere(baseURL, token, 'GET', '/auth/profile')).status).toBe(401);
	});
});

test.describe('a session that was ended from elsewhere', () => {
	test.use({ expectErrors: failing(401) });

	test('leads to sign-in, and from there back', async ({ page, context, account, baseURL }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const elsewhere = await signInElsewhere(baseURL, account);
		const list = await (await fromElsewhere(baseURL, elsewhere, 'GET', '/auth/sessions')).json();
		const [here] = (list as { sessions: Listed[] }).sessions.filter(({ client }) => client !== 'curl/8.5.0');
		const ended = await fromElsewhere(baseURL, elsewhere, 'DELETE', `/auth/sessions/${here?.id}`);
		expect(ended.status).toBe(204);

		await page.getByRole('link', { name: 'Devices' }).click();
		await expect(page).toHaveURL('/login?next=%2Faccount%2Fsessions');
		await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
		expect((await context.cookies()).map(({ name }) => name)).not.toContain(hint.name);
		await page.getByLabel('E-mail address or username').fill(account.username);
		await page.getByLabel('Password', { exact: true }).fill(account.password);
		await signInHere(page).click();
		await expect(page).toHaveURL('/account/sessions');
		await expect(page.getByText('This device')).toBeVisible();
	});

	test('is over for every tab when one has found out', async ({ page, context, account, baseURL }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const other = await context.newPage();
		await other.goto('/account/password');
		await expect(other.getByLabel('Current password')).toBeVisible();
		await fromElsewhere(baseURL, await signInElsewhere(baseURL, account), 'DELETE', '/auth/sessions');
		await edit(page, 'Full name', 'Ada');
		await expect(page).toHaveURL('/login?next=%2Faccount%2Fprofile');
		await expect(other).toHaveURL('/login?next=%2Faccount%2Fpassword');
	});

	test('by a change of the password goes on in this tab and in no other browser', async ({
		page,
		account,
		browser,
		baseURL
	}) => {
		const otherContext = await browser.newContext({ baseURL: baseURL ?? '' });
		const other = await otherContext.newPage();
		await signIn(other, account);
		await expect(other.getByText(account.email)).toBeVisible();
		await signIn(page, account, '/login?next=/account/password');
		const next = `${password} at noon`;
		await page.getByLabel('Current password').fill(account.password);
		await page.getByLabel('New password').fill(next);
		await page.getByLabel('The same password again').fill(next);
		await page.getByRole('button', { name: 'Change password' }).click();
		await expect(page.getByText('Your password is changed.')).toBeVisible();
		await expect(page.getByLabel('Current password')).toHaveValue('');
		await expect(page.getByLabel('New password')).toHaveValue('');

		await page.getByRole('link', { name: 'Devices' }).click();
		await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(1);
		await page.reload();
		await expect(page.getByText('This device')).toBeVisible();
		await other.getByRole('link', { name: 'Devices' }).click();
		await expect(other).toHaveURL('/login?next=%2Faccount%2Fsessions');
		await other.getByLabel('E-mail address or username').fill(account.email);
		await other.getByLabel('Password', { exact: true }).fill(account.password);
		await signInHere(other).click();
		await expect(other.getByRole('alert')).toHaveText('No account has this name and password.');
		await other.getByLabel('Password', { exact: true }).fill(next);
		await signInHere(other).click();
		await expect(other).toHaveURL('/account/sessions');
		await otherContext.close();
	});

	test('leaves a hint, which leads to sign-in without a loop and is gone then', async ({ page, context }) => {
		await context.addCookies([hint]);
		const calls = apiCalls(context);
		const documents: string[] = [];
		page.on('request', (request) => {
			if (request.isNavigationRequest()) documents.push(new URL(request.url()).pathname);
		});
		for (const path of ['/account/sessions', '/login']) {
			await context.addCookies([hint]);
			calls.length = documents.length = 0;
			await page.goto(path);
			await expect(page).toHaveURL(/\/login\?next=%2Faccount%2F(sessions|profile)$/);
			await expect(signInHere(page)).toBeEnabled();
			expect(calls).toEqual(['POST /auth/refresh']);
			expect(documents.length).toBeLessThanOrEqual(2);
			expect((await context.cookies()).map(({ name }) => name)).not.toContain(hint.name);
		}
	});
});

test('a session that is over before the page has come alive leads to sign-in', async ({ page, context }) => {
	await context.addCookies([hint]);
	// The answer is there at once: no lock, no other tab and no network are waited for.
	await page.addInitScript(() => {
		Object.defineProperty(navigator, 'locks', { value: undefined });
		Object.defineProperty(window, 'BroadcastChannel', { value: undefined });
		const body = JSON.stringify({ status: 401, code: 'invalid_refresh_token' });
		window.fetch = () => Promise.resolve(new Response(body, { status: 401 }));
	});
	await page.goto('/account/sessions');
	await expect(page).toHaveURL('/login?next=%2Faccount%2Fsessions');
});

test('another account that signs in in another tab replaces the first everywhere', async ({
	page,
	context,
	account,
	baseURL
}) => {
	const second = await newAccount(baseURL ?? '', { full_name: 'Grace Hopper' });
	const other = await context.newPage();
	await other.goto('/login');
	await expect(signInHere(other)).toBeEnabled();
	await signIn(page, account);
	await expect(page.getByText(account.email)).toBeVisible();
	const devices = await context.newPage();
	await devices.goto('/account/sessions');
	await expect(devices.getByText('This device')).toBeVisible();
	const isReloaded = [await mark(page), await mark(devices)];
	// A change of the first that is on its way, and late.
	const answer = gate();
	await page.route('**/auth/profile', async (route) => {
		if (route.request().method() !== 'PATCH') return route.fallback();
		const taken = await route.fetch();
		await answer.passed;
		// The page that asked is gone by then.
		await route.fulfill({ response: taken }).catch(() => {});
	});
	await edit(page, 'Full name', 'Ada Lovelace');
	await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');

	await other.getByLabel('E-mail address or username').fill(second.email);
	await other.getByLabel('Password', { exact: true }).fill(second.password);
	await signInHere(other).click();
	await expect(other.getByText(second.email)).toBeVisible();
	await expect(page.getByText(second.email)).toBeVisible();
	await expect(page.getByText(account.email)).toBeHidden();
	answer.open();
	await page.unrouteAll({ behavior: 'ignoreErrors' });
	await expect(shown(page, 'Full name')).toHaveText('Grace Hopper');
	await expect(page.getByText('Ada Lovelace')).toBeHidden();
	await expect(page.getByRole('banner').getByText('GH')).toBeVisible();
	// Nothing of the first stays, what was typed included.
	for (const was of isReloaded) expect(await was()).toBe(true);
	await edit(page, 'About you', 'Invented the compiler.');
	await expect(page.getByText('Saved: About you')).toBeVisible();
	await other.reload();
	await expect(shown(other, 'About you')).toHaveText('Invented the compiler.');
	await expect(devices.getByRole('main').getByRole('listitem')).toHaveCount(1);
});

test('a sign-in in one tab reaches pages that nobody was signed in to, without a reload', async ({
	page,
	context,
	account
}) => {
	const others = [await context.newPage(), await context.newPage()] as const;
	await others[0].goto('/', { waitUntil: 'networkidle' });
	await others[1].goto('/de/login', { waitUntil: 'networkidle' });
	const isReloaded = [await mark(others[0]), await mark(others[1])];
	await signIn(page, account);
	await expect(others[0].getByRole('main').getByRole('link', { name: 'Profile' })).toBeVisible();
	await expect(others[1].getByRole('banner').getByRole('link', { name: 'Profil' })).toBeVisible();
	for (const was of isReloaded) expect(await was()).toBe(false);
});

test.describe('pages that open a session', () => {
	/** How often a password field was there when a frame was painted. */
	async function watchForms(context: BrowserContext): Promise<string[]> {
		const seen: string[] = [];
		await context.exposeFunction('sawForm', (path: string) => seen.push(path));
		await context.addInitScript(() => {
			const look = () => {
				const field = document.querySelector(
					'[autocomplete="current-password"], [autocomplete="new-password"]'
				);
				if (field?.checkVisibility())
					(window as unknown as { sawForm(path: string): void }).sawForm(location.pathname);
				requestAnimationFrame(look);
			};
			requestAnimationFrame(look);
		});
		return seen;
	}

	test('are never seen by who is signed in, not for one frame', async ({ page, context, account }) => {
		const seen = await watchForms(context);
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		expect(seen).toContain('/login');
		for (const [from, to] of [
			['/login', '/account/profile'],
			['/register', '/account/profile'],
			['/de/login', '/de/account/profile'],
			['/login?next=%2Faccount%2Fsessions', '/account/sessions'],
			['/login?next=https%3A%2F%2Fexample.com', '/account/profile']
		] as const) {
			seen.length = 0;
			await page.goto(from);
			await expect(page).toHaveURL(to);
			await expect(page.getByRole('main').locator('dl, li').first()).toBeVisible();
			expect(seen, from).toEqual([]);
		}
	});

	test('are not what Back leads to after signing in', async ({ page, context, account }) => {
		const seen = await watchForms(context);
		await page.goto('/');
		await page.getByRole('main').getByRole('link', { name: 'Create account' }).click();
		await expect(page.getByRole('heading', { level: 1 })).toHaveText('Create an account');
		await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
		await page.getByLabel('E-mail address or username').fill(account.email);
		await page.getByLabel('Password', { exact: true }).fill(account.password);
		await signInHere(page).click();
		await expect(page.getByText(account.email)).toBeVisible();
		seen.length = 0;
		await page.goBack();
		await expect(page).toHaveURL('/');
		await expect(page.getByRole('main').getByRole('link', { name: 'Profile' })).toBeVisible();
		await page.goForward();
		await expect(page.getByText(account.email)).toBeVisible();
		expect(seen).toEqual([]);
	});
});

test('pages that nobody is signed in to ask the API for nothing', async ({ page, context }) => {
	const calls = apiCalls(context);
	for (const path of ['/login', '/register', '/de/login', '/account/profile', '/account/sessions']) {
		await page.goto(path);
		await expect(page.getByRole('main').getByRole('button').last()).toBeEnabled();
	}
	await page.goto('/');
	// The page is alive when its links need no document.
	const isReloaded = await mark(page);
	await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
	await expect(signInHere(page)).toBeEnabled();
	expect(await isReloaded()).toBe(false);
	expect(calls).toEqual([]);
});
