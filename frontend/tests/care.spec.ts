import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { expect, newAccount, password, signIn, test, type Account } from './service.ts';

const open = ['/', '/login', '/register'];
const own = ['/account/profile', '/account/sessions', '/account/password'];

/** Waits for the page itself, after its skeleton. */
async function arrive(page: Page, path: string) {
	await page.goto(path);
	await expect(page.locator('html[data-session]')).toBeAttached();
	await expect(page.locator('main h1')).toBeVisible();
	await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
}

/** The same account on one more device. */
async function anotherDevice(baseURL: string | undefined, { username, password }: Account) {
	const answer = await fetch(`${baseURL}/auth/login`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', 'user-agent': 'curl/8.0' },
		body: JSON.stringify({ username, password })
	});
	expect(answer.status).toBe(200);
}

test.describe('axe finds nothing, in both themes,', () => {
	// A colour that is on its way to another is none to measure.
	test.use({ contextOptions: { reducedMotion: 'reduce' } });

	async function expectNoViolation(page: Page, what: string) {
		for (const colorScheme of ['light', 'dark'] as const) {
			await page.emulateMedia({ colorScheme });
			const { violations } = await new AxeBuilder({ page })
				.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
				.setLegacyMode()
				.analyze();
			const found = violations.map(({ id, nodes }) => ({ id, at: nodes.map(({ html }) => html) }));
			expect(found, `${what}, ${colorScheme}`).toEqual([]);
		}
	}

	for (const path of [...open, '/de']) {
		test(`on ${path}`, async ({ page }) => {
			await arrive(page, path);
			await expectNoViolation(page, path);
		});
	}

	test('on forms with faults', async ({ page }) => {
		await arrive(page, '/login');
		await page.getByRole('button', { name: 'Sign in' }).click();
		await expect(page.getByText('Please fill this in.')).toHaveCount(2);
		await expectNoViolation(page, 'login');
		await arrive(page, '/register');
		await page.getByLabel('E-mail address').fill('nobody');
		await page.getByLabel('Password', { exact: true }).fill('short');
		await page.getByRole('button', { name: 'Create account' }).click();
		await expect(page.getByText('The two passwords are not the same.')).toBeVisible();
		await expectNoViolation(page, 'register');
	});

	test('on the pages of the account', async ({ page, account, baseURL }) => {
		await anotherDevice(baseURL, account);
		await signIn(page, account);
		for (const path of [...own, '/']) {
			await arrive(page, path);
			await expectNoViolation(page, path);
		}
	});

	test('with an editor open, its fault, and a notice', async ({ page, account }) => {
		await signIn(page, account);
		await page.getByRole('button', { name: 'Edit: About you' }).click();
		await page.getByRole('button', { name: 'Edit: Username' }).click();
		await page.getByLabel('Username').fill('');
		await page.getByLabel('Username').press('Enter');
		await expect(page.locator('[id$=-fault]')).toHaveText('Please fill this in.');
		await expectNoViolation(page, 'editor');
		await page.getByLabel('Username').fill(`${account.username}b`);
		await page.getByLabel('Username').press('Enter');
		await expect(page.getByText('Saved: Username')).toBeVisible();
		await expectNoViolation(page, 'notice');
	});

	test('with a dialog open', async ({ page, account, baseURL }) => {
		await anotherDevice(baseURL, account);
		await signIn(page, account, '/login?next=/account/sessions');
		await page.getByRole('button', { name: 'Sign out all others' }).click();
		await expect(page.getByRole('dialog')).toBeVisible();
		await expectNoViolation(page, 'dialog');
	});

	test.describe('on what went wrong', () => {
		test.use({ expectErrors: [/status of (404|503)/] });

		test('at an unknown address, and where nothing could be loaded', async ({ page, account }) => {
			await arrive(page, '/nowhere');
			await expectNoViolation(page, '404');
			await signIn(page, account);
			const unavailable = { status: 503, json: { status: 503, code: 'unavailable' } };
			await page.route('/auth/sessions', (route) => route.fulfill(unavailable));
			await arrive(page, '/account/sessions');
			await expect(page.getByRole('alert')).toBeVisible();
			await expectNoViolation(page, 'failure');
		});
	});
});

test.describe('the keyboard alone', () => {
	/** What has the focus is somewhere, in sight, and shows it. */
	async function expectFocusSeen(page: Page) {
		const seen = await page.evaluate(() => {
			const at = document.activeElement;
			if (!at || at === document.body) return 'nowhere';
			const { left, top, right, bottom } = at.getBoundingClientRect();
			const isInSight =
				right > left && bottom > top && left >= 0 && top >= 0 && right <= innerWidth && top < innerHeight;
			const { outlineStyle, outlineWidth } = getComputedStyle(at);
			const hasRing = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
			return isInSight && hasRing ? 'seen' : `${at.outerHTML}: ${isInSight ? 'no ring' : 'out of sight'}`;
		});
		expect(seen).toBe('seen');
	}

	/** Presses Tab until `to` has the focus. */
	async function tabTo(page: Page, to: Locator, key = 'Tab') {
		await expect(to).toBeVisible();
		for (let presses = 0; presses < 40; presses++) {
			await page.keyboard.press(key);
			// After the last element the focus is the browser's own, and comes back.
			if (await page.evaluate(() => document.activeElement === document.body)) continue;
			await expectFocusSeen(page);
			if (await to.evaluate((element) => element === document.activeElement)) return;
		}
		expect(false, `Tab does not reach ${to}`).toBe(true);
	}

	test('reaches the content past the header', async ({ page }) => {
		await arrive(page, '/login');
		await page.keyboard.press('Tab');
		await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
		await expectFocusSeen(page);
		await page.keyboard.press('Enter');
		await page.keyboard.press('Tab');
		await expect(page.getByLabel('E-mail address or username')).toBeFocused();
	});

	test('registers, edits, and signs out', async ({ page }) => {
		await arrive(page, '/');
		await tabTo(page, page.getByRole('banner').getByRole('link', { name: 'Create account' }));
		await page.keyboard.press('Enter');
		await expect(page).toHaveURL('/register');
		await expect(page.getByRole('heading', { level: 1 })).toHaveText('Create an account');
		const name = `key${process.pid}x${Date.now().toString(36)}`;
		for (const [label, text] of [
			['E-mail address', `${name}@example.com`],
			['Username', name],
			['Password', password],
			['The same password again', 'not the same']
		] as const) {
			await tabTo(page, page.getByLabel(label, { exact: true }));
			await page.keyboard.type(text);
		}
		await page.keyboard.press('Enter');
		// The focus is where the fault is.
		await expect(page.getByLabel('The same password again')).toBeFocused();
		await expectFocusSeen(page);
		await page.keyboard.press('Control+A');
		await page.keyboard.type(password);
		await page.keyboard.press('Enter');
		await expect(page.getByRole('heading', { level: 1 })).toHaveText('Profile');
		// The next page begins at its beginning.
		await page.keyboard.press('Tab');
		await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();

		const edit = page.getByRole('button', { name: 'Edit: Full name' });
		await tabTo(page, edit);
		await page.keyboard.press('Enter');
		await expect(page.getByLabel('Full name')).toBeFocused();
		await expectFocusSeen(page);
		await page.keyboard.type('Ada Lovelace');
		await page.keyboard.press('Enter');
		await expect(edit).toBeFocused();
		await expectFocusSeen(page);
		await expect(page.getByText('Saved: Full name')).toBeVisible();
		await expect(edit).toBeFocused();

		await page.keyboard.press('Enter');
		await page.keyboard.type('Somebody Else');
		await tabTo(page, page.getByRole('button', { name: 'Cancel' }));
		await page.keyboard.press('Enter');
		await expect(edit).toBeFocused();
		await expectFocusSeen(page);
		await expect(page.getByRole('main').getByText('Ada Lovelace')).toBeVisible();

		await tabTo(page, page.getByRole('button', { name: 'Sign out' }), 'Shift+Tab');
		await page.keyboard.press('Enter');
		await expect(page).toHaveURL('/');
		await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
		await page.keyboard.press('Tab');
		await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
	});

	test('signs in, signs out one device, then the others', async ({ page, account, baseURL }) => {
		for (let device = 0; device < 2; device++) await anotherDevice(baseURL, account);
		await arrive(page, '/login?next=/account/sessions');
		await tabTo(page, page.getByLabel('E-mail address or username'));
		await page.keyboard.type(account.username);
		await tabTo(page, page.getByLabel('Password', { exact: true }));
		await page.keyboard.type(account.password);
		await page.keyboard.press('Enter');
		const devices = page.getByRole('main').getByRole('listitem');
		await expect(devices).toHaveCount(3);

		await tabTo(page, page.getByRole('button', { name: 'Sign out: curl' }).first());
		await page.keyboard.press('Enter');
		await expect(devices).toHaveCount(2);
		await expect(page.getByRole('heading', { level: 1 })).toBeFocused();

		const others = page.getByRole('button', { name: 'Sign out all others' });
		await tabTo(page, others);
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog');
		await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
		await expectFocusSeen(page);
		// Tab never leads to what is behind the dialog.
		for (let presses = 0; presses < 5; presses++) {
			await page.keyboard.press('Tab');
			const at = await page.evaluate(() => document.activeElement?.closest('dialog, body')?.nodeName);
			expect(['DIALOG', 'BODY']).toContain(at);
			const isBehind = await page.evaluate(() =>
				document.activeElement?.matches('header *, main :not(dialog *, dialog), footer *')
			);
			expect(isBehind).toBe(false);
		}
		await page.keyboard.press('Escape');
		await expect(dialog).toBeHidden();
		await expect(others).toBeFocused();
		await expectFocusSeen(page);

		await page.keyboard.press('Enter');
		await tabTo(page, dialog.getByRole('button', { name: 'Sign out' }));
		await page.keyboard.press('Enter');
		await expect(devices).toHaveCount(1);
		await expect(page.getByText('All other devices are signed out.')).toBeVisible();
		await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
	});
});

test.describe('fields', () => {
	test('say what they hold to password managers', async ({ page, account }) => {
		const tokens = async (path: string) => {
			await arrive(page, path);
			const fields = page.locator('main :is(input, textarea)');
			return fields.evaluateAll((all) =>
				all.map((field) => `${field.getAttribute('name')}: ${field.getAttribute('autocomplete')}`)
			);
		};
		expect(await tokens('/login')).toEqual(['identifier: username', 'password: current-password']);
		expect(await tokens('/register')).toEqual([
			'email: email',
			'username: username',
			'password: new-password',
			'repeat: new-password'
		]);
		await signIn(page, account);
		expect(await tokens('/account/password')).toEqual([
			'username: username',
			'current_password: current-password',
			'new_password: new-password',
			'repeat: new-password'
		]);
		// Which account it is the password of.
		await expect(page.locator('input[name=username]')).toHaveValue(account.email);
	});

	test('of passwords take what is pasted, and show it on request alone', async ({ page }) => {
		await arrive(page, '/register');
		await page.getByLabel('Username').fill(password);
		await page.getByLabel('Username').press('Control+A');
		await page.getByLabel('Username').press('Control+C');
		for (const label of ['Password', 'The same password again']) {
			const field = page.getByLabel(label, { exact: true });
			await field.press('Control+V');
			await expect(field).toHaveValue(password);
			await expect(field).toHaveAttribute('type', 'password');
		}
		await page.getByRole('button', { name: 'Show password' }).first().click();
		await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('type', 'text');
		await expect(page.getByLabel('Password', { exact: true })).toHaveValue(password);
		// One of them alone.
		await expect(page.getByLabel('The same password again')).toHaveAttribute('type', 'password');
		await page.getByRole('button', { name: 'Hide password' }).click();
		await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('type', 'password');
	});
});

test.describe('without JavaScript', () => {
	test.use({ javaScriptEnabled: false });

	for (const lang of ['', '/de']) {
		test(`every public page can be read, and no form sends anything, at ${lang || '/'}`, async ({
			page,
			context
		}) => {
			const asked: string[] = [];
			context.on('request', (request) => {
				if (request.isNavigationRequest()) asked.push(`${request.method()} ${request.url()}`);
			});
			await page.goto(lang || '/');
			await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
			for (const name of lang ? ['Anmelden', 'Konto anlegen'] : ['Sign in', 'Create account']) {
				await page.getByRole('banner').getByRole('link', { name }).click();
				await expect(page.locator('main noscript p')).toBeVisible();
				const url = page.url();
				asked.length = 0;
				for (const field of await page.locator('main input').all()) await field.fill('not a secret');
				const button = page.locator('main [type=submit]');
				await expect(button).toBeDisabled();
				await page.locator('main input').last().press('Enter');
				await button.dispatchEvent('click');
				// A request of our own comes after any that the form made.
				await page.request.get('/health');
				expect(asked).toEqual([]);
				expect(page.url()).toBe(url);
			}
		});
	}
});

test.describe('320 pixels', () => {
	test.use({ viewport: { width: 320, height: 640 } });

	/** WCAG 2.2, 1.4.10. */
	async function expectNoSideways(page: Page, what: string) {
		const wide = await page.evaluate(() =>
			document.documentElement.scrollWidth <= innerWidth
				? []
				: Array.from(document.querySelectorAll('body *'))
						.filter((element) => element.getBoundingClientRect().right > innerWidth)
						.map((element) => element.outerHTML.slice(0, 120))
		);
		expect(wide, what).toEqual([]);
	}

	for (const lang of ['', '/de']) {
		test(`are enough for every public page and its faults, at ${lang || '/'}`, async ({ page }) => {
			for (const path of open) {
				await arrive(page, lang + (path === '/' && lang ? '' : path));
				await expectNoSideways(page, path);
				const button = page.locator('main [type=submit]');
				if (!(await button.count())) continue;
				await button.click();
				await expect(page.locator('main [id$=-fault]').first()).toBeVisible();
				await expectNoSideways(page, `${path} with faults`);
			}
		});

		test(`are enough for the longest words of an account, at ${lang || '/'}`, async ({ page, baseURL }) => {
			const account = await newAccount(baseURL ?? '', {
				full_name: 'W'.repeat(60),
				bio: 'W'.repeat(300),
				birth_date: '1990-12-10'
			});
			await anotherDevice(baseURL, account);
			await signIn(page, account);
			for (const path of own) {
				await arrive(page, lang + path);
				await expectNoSideways(page, path);
			}
			await arrive(page, `${lang}/account/profile`);
			const edits = page.locator('main dl + button');
			await expect(edits).toHaveCount(4);
			for (let field = 0; field < 4; field++) {
				await edits.nth(field).click();
				await expect(page.locator('main form')).toBeVisible();
				await expectNoSideways(page, 'editor');
				await page.locator('main form [type=button]').last().click();
				await expect(page.locator('main form')).toHaveCount(0);
			}
			await arrive(page, `${lang}/account/sessions`);
			await page.locator('main > div button').first().click();
			await expect(page.getByRole('dialog')).toBeVisible();
			await expectNoSideways(page, 'dialog');
		});
	}
});

for (const reducedMotion of ['reduce', 'no-preference'] as const) {
	test.describe(`prefers-reduced-motion: ${reducedMotion}`, () => {
		test.use({ contextOptions: { reducedMotion } });

		test(
			reducedMotion === 'reduce' ? 'stills everything' : 'leaves things their motion',
			async ({ page, account }) => {
				const moves = reducedMotion === 'no-preference';
				await page.addInitScript(() => {
					const counted = window as { transitions?: number };
					counted.transitions = 0;
					const start = document.startViewTransition.bind(document);
					document.startViewTransition = (update) => {
						counted.transitions = (counted.transitions ?? 0) + 1;
						return start(update);
					};
				});
				await signIn(page, account);
				// No answer comes: the skeleton stays.
				await page.route('/auth/sessions', () => {});
				await page.getByRole('banner').getByRole('link', { name: 'Devices' }).click();
				await expect(page.locator('main [aria-busy=true]')).toBeVisible();
				const transitions = await page.evaluate(() => (window as { transitions?: number }).transitions);
				if (moves) expect(transitions).toBeGreaterThan(0);
				else expect(transitions).toBe(0);
				const duration = await page
					.locator('main [aria-busy=true] [class*=animate]')
					.first()
					.evaluate((element) => parseFloat(getComputedStyle(element).animationDuration));
				if (moves) expect(duration).toBeGreaterThan(1);
				else expect(duration).toBeLessThan(0.001);
			}
		);
	});
}

for (const timezoneId of ['Pacific/Honolulu', 'Pacific/Kiritimati']) {
	test.describe(`in ${timezoneId}`, () => {
		test.use({ timezoneId });

		test('the birth date is the day it is, and times are local', async ({ page, baseURL }) => {
			const account = await newAccount(baseURL ?? '', { birth_date: '1990-12-10' });
			await signIn(page, account);
			await expect(page.getByText('December 10, 1990')).toBeVisible();
			const time = page.getByRole('main').getByRole('time');
			const text = (instant: string | null) =>
				new Intl.DateTimeFormat('en', {
					dateStyle: 'medium',
					timeStyle: 'short',
					timeZone: timezoneId
				})
					.format(new Date(instant ?? ''))
					.replace(/\s/gu, ' ');
			await expect(time).toHaveText(text(await time.getAttribute('datetime')));

			await page.getByRole('button', { name: 'Edit: Birth date' }).click();
			await expect(page.getByLabel('Birth date')).toHaveValue('1990-12-10');
			await page.getByLabel('Birth date').fill('2000-01-01');
			await page.getByLabel('Birth date').press('Enter');
			await expect(page.getByText('Saved: Birth date')).toBeVisible();
			await page.reload();
			await expect(page.getByText('January 1, 2000')).toBeVisible();

			await arrive(page, '/account/sessions');
			const since = page.getByRole('main').getByRole('time').nth(1);
			await expect(since).toHaveText(text(await since.getAttribute('datetime')));
		});
	});
}

test.describe('the Content-Security-Policy', () => {
	async function policyOfTheTemplate(): Promise<string> {
		const template = await readFile(new URL('../../template.yaml', import.meta.url), 'utf8');
		const found = /^( *)ContentSecurityPolicy: >-\n((?:\1 {2}.*\n)+)/m.exec(template);
		return (found?.[2] ?? '').trim().replace(/\s+/g, ' ');
	}

	test('of every page is the template’s, and no page has a script inline', async ({ page, request }) => {
		const policy = await policyOfTheTemplate();
		expect(policy).toContain("script-src 'self';");
		expect(policy).toContain("require-trusted-types-for 'script'");
		for (const lang of ['', '/de']) {
			for (const path of [...open, ...own, '/nowhere']) {
				const answer = await request.get(lang + (path === '/' && lang ? '' : path));
				expect(answer.headers()['content-security-policy'], path).toBe(policy);
				const html = await answer.text();
				expect(html, path).not.toMatch(/<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|<meta http-equiv/);
			}
		}
		await arrive(page, '/');
		expect(await page.locator('script:not([src])').count()).toBe(0);
	});

	test.describe('keeps out', () => {
		test.use({ expectErrors: [/Content Security Policy|Trusted/] });

		test('a script, a handler and a style that were put into the page', async ({ page }) => {
			await page.route('/login', async (route) => {
				const response = await route.fetch();
				const html = (await response.text()).replace(
					'</body>',
					'<script>window.hit = 1</script><img src="data:," onerror="window.hit = 2">' +
						'<script src="data:text/javascript,window.hit=3"></script>' +
						'<p id="styled" style="position: fixed">styled</p></body>'
				);
				await route.fulfill({ response, body: html });
			});
			const refused: string[] = [];
			page.on('console', (message) => refused.push(message.text()));
			await page.goto('/login');
			// What belongs to the page has run all the same.
			await expect(page.getByRole('button', { name: 'Sign in' })).toBeEnabled();
			expect(await page.evaluate(() => (window as { hit?: number }).hit)).toBeUndefined();
			await expect(page.locator('#styled')).toHaveCSS('position', 'static');
			expect(refused.join()).toContain("script-src 'self'");
		});

		test('text that would become script, by Trusted Types', async ({ page }) => {
			await arrive(page, '/login');
			const thrown = await page.evaluate(async () => {
				const errors: Record<string, string> = {};
				const attempt = (name: string, run: () => void) => {
					try {
						run();
						errors[name] = 'nothing';
					} catch (error) {
						errors[name] = (error as Error).name;
					}
				};
				// In a task of its own: what a debugger calls may evaluate text.
				await new Promise<void>((resolve) =>
					setTimeout(() => {
						attempt('innerHTML', () => (document.body.innerHTML = '<b>hit</b>'));
						attempt('script', () => (document.createElement('script').text = 'window.hit = 1'));
						attempt('src', () => (document.createElement('script').src = '/boot.js'));
						attempt('eval', () => globalThis.eval('1'));
						attempt('policy', () => {
							const { trustedTypes } = window as unknown as {
								trustedTypes: { createPolicy(name: string, rules: object): void };
							};
							trustedTypes.createPolicy('mine', {});
						});
						resolve();
					})
				);
				return errors;
			});
			expect(thrown).toEqual({
				innerHTML: 'TypeError',
				script: 'TypeError',
				src: 'TypeError',
				eval: 'EvalError',
				policy: 'TypeError'
			});
			await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
		});
	});
});
