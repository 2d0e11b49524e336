import type { Page } from '@playwright/test';
import { expect, hint, signIn, test } from './service.ts';

interface Known {
	path: string;
	en: string;
	de: string;
}
const open = [
	{ path: '', en: 'Your account, in your own house', de: 'Ihr Konto, im eigenen Haus' },
	{ path: '/login', en: 'Sign in', de: 'Anmelden' },
	{ path: '/register', en: 'Create an account', de: 'Konto anlegen' }
] as const;
const own = [
	{ path: '/account/profile', en: 'Profile', de: 'Profil' },
	{ path: '/account/sessions', en: 'Devices', de: 'Geräte' },
	{ path: '/account/password', en: 'Change your password', de: 'Passwort ändern' }
] as const;
const langs = ['en', 'de'] as const;
type Lang = (typeof langs)[number];

const address = (path: string, lang: Lang) => (lang === 'de' ? `/de${path}` : path || '/');

async function expectPage(page: Page, { path, ...title }: Known, lang: Lang = 'en') {
	await expect(page.getByRole('heading', { level: 1 })).toHaveText(title[lang]);
	await expect(page).toHaveURL(address(path, lang));
	await expect(page.locator('html')).toHaveAttribute('lang', lang);
	await expect(page).toHaveTitle(/Vestibule/);
}

test.describe('reload', () => {
	for (const lang of langs) {
		test(`every public page is there again, ${lang}`, async ({ page }) => {
			for (const one of open) {
				expect((await page.goto(address(one.path, lang)))?.status()).toBe(200);
				await expectPage(page, one, lang);
				await page.reload();
				await expectPage(page, one, lang);
			}
		});

		test(`every page of the account is there again, and still signed in, ${lang}`, async ({
			page,
			account
		}) => {
			await signIn(page, account);
			for (const one of own) {
				expect((await page.goto(address(one.path, lang)))?.status()).toBe(200);
				await expectPage(page, one, lang);
				await page.reload();
				await expectPage(page, one, lang);
				// The page itself, not its skeleton.
				await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
			}
		});
	}
});

test('every page says in its own words what it is', async ({ request }) => {
	const words = new Set<string>();
	for (const lang of langs) {
		for (const { path } of [...open, ...own]) {
			const html = await (await request.get(address(path, lang))).text();
			words.add(/<meta name="description" content="([^"]+)"/.exec(html)?.[1] ?? '');
		}
	}
	words.delete('');
	expect(words.size).toBe(2 * (open.length + own.length));
});

test.describe('back and forward', () => {
	test('lead over all public pages', async ({ page }) => {
		await page.goto('/');
		const banner = page.getByRole('banner');
		await banner.getByRole('link', { name: 'Sign in' }).click();
		await expectPage(page, open[1]);
		await banner.getByRole('link', { name: 'Create account' }).click();
		await expectPage(page, open[2]);
		// It has taken the place of sign-in, so that Back never leads to one of the two after signing in.
		await page.goBack();
		await expectPage(page, open[0]);
		await page.goForward();
		await expectPage(page, open[2]);
	});

	test('lead over all pages of the account, and past the sign-in that came before', async ({
		page,
		account
	}) => {
		await page.goto('/');
		await page.getByRole('banner').getByRole('link', { name: 'Sign in' }).click();
		await page.getByLabel('E-mail address or username').fill(account.username);
		await page.getByLabel('Password', { exact: true }).fill(account.password);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await expectPage(page, own[0]);
		const banner = page.getByRole('banner');
		await banner.getByRole('link', { name: 'Devices' }).click();
		await expectPage(page, own[1]);
		await banner.getByRole('link', { name: 'Password' }).click();
		await expectPage(page, own[2]);
		for (const one of [own[1], own[0], open[0]]) {
			await page.goBack();
			await expectPage(page, one);
		}
		for (const one of own) {
			await page.goForward();
			await expectPage(page, one);
		}
		await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
	});

	test('show nothing of the account once signed out', async ({ page, account }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		await page.getByRole('banner').getByRole('link', { name: 'Devices' }).click();
		await expectPage(page, own[1]);
		await page.getByRole('button', { name: 'Sign out', exact: true }).click();
		await expectPage(page, open[0]);
		await page.goBack();
		await expect(page).toHaveURL('/login?next=%2Faccount%2Fprofile');
		await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
		await expect(page.getByText(account.email)).toHaveCount(0);
	});
});

test.describe('an unknown address', () => {
	// The browser's own line about the status.
	test.use({ expectErrors: [/status of 404/] });

	test('an address that looks like another host leads nowhere else by its language links', async ({
		page
	}) => {
		for (const path of ['/de//evil.example/x', '/de///evil.example']) {
			await page.goto(path);
			const links = page.getByRole('navigation', { name: /Language|Sprache/ }).getByRole('link');
			await expect(links).toHaveCount(2);
			for (const link of await links.all()) {
				expect(new URL((await link.getAttribute('href')) ?? '', page.url()).host).toBe(
					new URL(page.url()).host
				);
			}
		}
	});

	for (const [path, title] of [
		['/nowhere', 'There is nothing here'],
		['/de/nirgends', 'Hier ist nichts'],
		['/fr/login', 'There is nothing here'],
		['/login/nowhere', 'There is nothing here'],
		['/_app/immutable/gone', 'There is nothing here']
	] as const) {
		test(`${path} is answered with 404 and says so`, async ({ page }) => {
			expect((await page.goto(path))?.status()).toBe(404);
			await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
			await page.locator('main').getByRole('link').click();
			await expectPage(page, open[0], path.startsWith('/de') ? 'de' : 'en');
		});
	}

	test('is as unknown to whoever is signed in', async ({ page, account }) => {
		await signIn(page, account);
		for (const path of ['/account/nowhere', '/account']) {
			expect((await page.goto(path))?.status()).toBe(404);
			await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is nothing here');
		}
	});
});

test.describe('next', () => {
	/** None of these is a page of the account on this origin. */
	const hostile = [
		'https://evil.example/account/profile',
		'//evil.example/account/profile',
		'///evil.example',
		'/\\evil.example/account/profile',
		'\\\\evil.example',
		'javascript:alert(document.domain)',
		'java\tscript:alert(1)',
		'data:text/html,<script>alert(1)</script>',
		'/account/profile/../../../evil',
		'/account/profile@evil.example',
		'/account/profile\n//evil.example',
		'/account//evil.example',
		'/de//evil.example/account/profile',
		'/%2F%2Fevil.example',
		'/auth/logout',
		'/login?next=/login',
		'http:account/profile'
	];

	test('leads nobody off the origin who signs in', async ({ page, context, account }) => {
		// The rule itself is tested in lib.test.ts; here, that the page goes by it.
		for (const next of hostile.slice(0, 4)) {
			await page.goto(`/login?next=${encodeURIComponent(next)}`);
			await page.getByLabel('E-mail address or username').fill(account.username);
			await page.getByLabel('Password', { exact: true }).fill(account.password);
			await page.getByRole('button', { name: 'Sign in' }).click();
			await expect(page.getByText(account.email)).toBeVisible();
			await expect(page, next).toHaveURL('/account/profile');
			await context.clearCookies();
		}
	});

	test('leads nobody off the origin who may be signed in', async ({ page, context }) => {
		// The early script goes by the hint alone. No answer comes, so nothing here ends the session.
		await context.addCookies([hint]);
		await page.route('/auth/**', () => {});
		for (const next of hostile) {
			await page.goto(`/login?next=${encodeURIComponent(next)}`, { waitUntil: 'commit' });
			await expect(page, next).toHaveURL('/account/profile');
		}
		await page.goto('/register?next=/de/account/sessions', { waitUntil: 'commit' });
		await expect(page).toHaveURL('/de/account/sessions');
	});

	for (const lang of langs) {
		for (const one of own) {
			test(`leads from ${address(one.path, lang)} over the sign-in page and back to it`, async ({
				page,
				account
			}) => {
				await page.goto(address(one.path, lang));
				await expect(page).toHaveURL(
					`${address('/login', lang)}?next=${encodeURIComponent(address(one.path, lang))}`
				);
				await page.locator('input[name=identifier]').fill(account.email);
				await page.locator('input[name=password]').fill(account.password);
				await page.locator('main [type=submit]').click();
				await expectPage(page, one, lang);
			});
		}
	}

	test('is kept on the way from signing in to registering', async ({ page }) => {
		await page.goto('/account/sessions');
		for (const [name, path] of [
			['Create account', '/register?next=%2Faccount%2Fsessions'],
			['Sign in', '/login?next=%2Faccount%2Fsessions']
		] as const) {
			const link = page.locator('main').getByRole('link', { name });
			// The prerendered page knows no query.
			await expect(link).toHaveAttribute('href', path);
			await link.click();
			await expect(page).toHaveURL(path);
		}
	});
});

test.describe('the language link', () => {
	test('keeps the public page that is read', async ({ page }) => {
		for (const one of open) {
			await page.goto(address(one.path, 'en'));
			await page.getByRole('link', { name: 'Deutsch' }).click();
			await expectPage(page, one, 'de');
			await expect(page.getByRole('link', { name: 'Deutsch' })).toHaveAttribute('aria-current', 'true');
			await page.getByRole('link', { name: 'English' }).click();
			await expectPage(page, one, 'en');
		}
	});

	test('keeps the page of the account, and the session', async ({ page, account }) => {
		await signIn(page, account);
		for (const one of own) {
			await page.goto(address(one.path, 'en'));
			await page.getByRole('link', { name: 'Deutsch' }).click();
			await expectPage(page, one, 'de');
		}
	});

	test('keeps where a sign-in will lead', async ({ page }) => {
		await page.goto('/account/sessions');
		const link = page.getByRole('link', { name: 'Deutsch' });
		await expect(link).toHaveAttribute('href', '/de/login?next=%2Faccount%2Fsessions');
		await link.click();
		await expect(page).toHaveURL('/de/login?next=%2Faccount%2Fsessions');
	});
});

test.describe('the theme', () => {
	const ground = (page: Page) =>
		page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g)?.map(Number));

	test('is the system’s until one is chosen', async ({ page }) => {
		await page.emulateMedia({ colorScheme: 'dark' });
		await page.goto('/');
		expect(await ground(page)).toEqual([17, 21, 28]);
		await page.emulateMedia({ colorScheme: 'light' });
		expect(await ground(page)).toEqual([247, 248, 250]);
	});

	test('that was chosen is there before the first paint, on every page that follows', async ({ page }) => {
		await page.addInitScript(() => {
			const seen = window as { themeAt?: number };
			new MutationObserver(() => {
				if (document.documentElement?.dataset.theme) seen.themeAt ??= performance.now();
			}).observe(document, { attributes: true, childList: true, subtree: true });
		});
		await page.emulateMedia({ colorScheme: 'light' });
		await page.goto('/');
		await page.getByLabel('Theme').selectOption('Dark');
		expect(await ground(page)).toEqual([17, 21, 28]);
		for (const path of ['/', '/login', '/de/register']) {
			await page.goto(path);
			await expect(page.getByRole('combobox')).toHaveValue('dark');
			expect(await ground(page)).toEqual([17, 21, 28]);
			const times = await page.evaluate(async () => {
				const painted = () => performance.getEntriesByName('first-paint')[0]?.startTime;
				while (painted() === undefined) await new Promise(requestAnimationFrame);
				return { paint: painted() ?? 0, theme: (window as { themeAt?: number }).themeAt ?? Infinity };
			});
			expect(times.theme).toBeLessThan(times.paint);
		}
		await page.getByRole('combobox').selectOption('system');
		await page.reload();
		await expect(page.getByRole('combobox')).toHaveValue('system');
		expect(await ground(page)).toEqual([247, 248, 250]);
	});

	test('is none where the storage holds nonsense', async ({ page }) => {
		await page.addInitScript(() => localStorage.setItem('theme', '"><script>'));
		await page.goto('/');
		await expect(page.getByLabel('Theme')).toHaveValue('system');
		await expect(page.locator('html')).not.toHaveAttribute('data-theme');
	});
});
