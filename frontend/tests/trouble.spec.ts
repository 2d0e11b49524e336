import type { Page } from '@playwright/test';
import {
	apiCalls,
	edit,
	expect,
	failing,
	fromElsewhere,
	gate,
	newAccount,
	password,
	problem,
	shown,
	signIn,
	signInElsewhere,
	test,
	type Account
} from './service.ts';

const bare = (status: number, message: string) => ({ status, json: { message } });

async function fillSignIn(page: Page, account: Account, secret = account.password) {
	await page.getByLabel('E-mail address or username').fill(account.email);
	await page.getByLabel('Password', { exact: true }).fill(secret);
}

const signInButton = (page: Page) => page.getByRole('main').getByRole('button', { name: 'Sign in' });

async function fillRegistration(page: Page, account: Account) {
	await page.goto('/register');
	await page.getByLabel('E-mail address').fill(account.email);
	await page.getByRole('textbox', { name: 'Username' }).fill(account.username);
	await page.getByLabel('Password', { exact: true }).fill(account.password);
	await page.getByLabel('The same password again').fill(account.password);
}

const registerButton = (page: Page) => page.getByRole('button', { name: 'Create account' });

/** Answers the next request of that method in the service's place, and lets those after it pass. */
async function answerOnce(page: Page, method: string, path: string, answer: object) {
	let isOver = false;
	await page.route(`**${path}`, async (route) => {
		if (isOver || route.request().method() !== method) return route.fallback();
		isOver = true;
		await route.fulfill(answer);
	});
}

let last = 0;
function someone(): Account {
	const name = `n${process.pid}x${++last}x${Date.now().toString(36)}`;
	return { email: `${name}@example.com`, username: name, password };
}

test.describe('a service that says when to come back', () => {
	test.use({ expectErrors: failing(429, 503) });

	test('too many tries to sign in: the wait is shown and counts down', async ({ page, account }) => {
		// As often as it takes: how many tries are left, and how long the wait is, depends on the time of day.
		let tries = 0;
		await page.route('**/auth/login', async (route) => {
			let answer = await route.fetch();
			for (tries = 1; answer.status() === 401 && tries < 25; tries++) answer = await route.fetch();
			expect(Number(answer.headers()['retry-after'])).toBeGreaterThan(0);
			await route.fulfill({ response: answer, headers: { ...answer.headers(), 'retry-after': '90' } });
		});
		const retryAfter = 90;
		await page.clock.install();
		await page.goto('/login');
		await fillSignIn(page, account, `${account.password}!`);
		await signInButton(page).click();
		const alert = page.getByRole('alert');
		await expect(alert).toContainText('Too many tries. Please wait.');
		expect(tries).toBeGreaterThanOrEqual(11);
		const left = async () => Number(/Try again in (\d+) s/.exec(await alert.innerText())?.[1]);
		const first = await left();
		expect(first).toBeLessThanOrEqual(retryAfter);
		expect(first).toBeGreaterThan(retryAfter - 10);
		await page.clock.runFor(5_000);
		await expect.poll(left).toBeLessThanOrEqual(first - 5);
		await page.clock.runFor(retryAfter * 1000);
		await expect(alert).not.toContainText('Try again in');
		await expect(page.getByLabel('E-mail address or username')).toHaveValue(account.email);
		await expect(page.getByLabel('Password', { exact: true })).toHaveValue(`${account.password}!`);
	});

	for (const { name, path, api, sign } of [
		{ name: 'profile', path: '/account/profile', api: '/auth/profile', sign: 'With us since' },
		{ name: 'devices', path: '/account/sessions', api: '/auth/sessions', sign: 'This device' }
	]) {
		test(`the page of the ${name} counts down, and then loads at a click`, async ({
			page,
			context,
			account
		}) => {
			await page.clock.install();
			await signIn(page, account);
			await expect(page.getByText(account.email)).toBeVisible();
			await answerOnce(page, 'GET', api, problem(503, 'unavailable', { 'Retry-After': '30' }));
			await page.goto(path);
			const alert = page.getByRole('main').getByRole('alert');
			await expect(alert).toContainText('The service cannot answer just now. Nothing is lost.');
			await expect(alert).toContainText('Try again in');
			await expect(alert.getByRole('button')).toHaveCount(0);
			const calls = apiCalls(context);
			await page.clock.runFor(30_000);
			await alert.getByRole('button', { name: 'Try again' }).click();
			await expect(page.getByText(sign)).toBeVisible();
			await expect(alert).toBeHidden();
			expect(calls).toEqual([`GET ${api}`]);
		});
	}
});

test.describe('a slow service', () => {
	test('the button is busy meanwhile, and more clicks make no more requests', async ({
		page,
		context,
		account
	}) => {
		await page.clock.install();
		const answer = gate();
		await page.route('**/auth/login', async (route) => {
			await answer.passed;
			await route.continue();
		});
		await page.goto('/login');
		await fillSignIn(page, account);
		const calls = apiCalls(context);
		await signInButton(page).dblclick();
		await expect(signInButton(page)).toHaveAttribute('aria-disabled', 'true');
		await page.clock.runFor(2_000);
		// By force: the button says that it takes no click.
		await signInButton(page).click({ force: true });
		await page.getByLabel('Password', { exact: true }).press('Enter');
		await expect(signInButton(page)).toHaveAttribute('aria-disabled', 'true');
		answer.open();
		await expect(page.getByText(account.email)).toBeVisible();
		expect(calls).toEqual(['POST /auth/login', 'GET /auth/profile']);
	});

	test.describe('that never answers', () => {
		test.use({ expectErrors: [/^Failed to load resource: net::ERR_/] });

		test('is given up, and the form can be sent again', async ({ page, account }) => {
			await page.clock.install();
			let isStuck = true;
			const end = gate();
			await page.route('**/auth/login', async (route) => {
				if (!isStuck) return route.continue();
				await end.passed;
				await route.abort().catch(() => {});
			});
			await page.goto('/login');
			await fillSignIn(page, account);
			const request = page.waitForRequest('**/auth/login');
			await signInButton(page).click();
			await request;
			await page.clock.runFor(10_000);
			await expect(page.getByRole('alert')).toHaveText(
				'The service cannot be reached. Check the connection.'
			);
			await expect(signInButton(page)).not.toHaveAttribute('aria-disabled');
			isStuck = false;
			end.open();
			await signInButton(page).click();
			await expect(page.getByText(account.email)).toBeVisible();
		});
	});
});

test.describe('the client, which only a request needs,', () => {
	const script = /\/_app\/immutable\/.*\.js$/;

	for (const path of ['/login', '/register']) {
		test(`comes when a field of ${path} has the focus, and not before`, async ({ page, context }) => {
			const scripts: string[] = [];
			context.on('request', (request) => {
				if (script.test(request.url())) scripts.push(request.url());
			});
			await page.goto(path, { waitUntil: 'networkidle' });
			const first = scripts.length;
			await page.getByRole('main').getByRole('textbox').first().focus();
			await expect.poll(() => scripts.length).toBeGreaterThan(first);
		});
	}

	test('is waited for, and the form is sent once', async ({ page, context, account }) => {
		await page.goto('/login', { waitUntil: 'networkidle' });
		const come = gate();
		await page.route(script, async (route) => {
			await come.passed;
			await route.continue();
		});
		await fillSignIn(page, account);
		const calls = apiCalls(context);
		await signInButton(page).dblclick();
		await expect(signInButton(page)).toHaveAttribute('aria-disabled', 'true');
		expect(calls).toEqual([]);
		come.open();
		await expect(page.getByText(account.email)).toBeVisible();
		expect(calls).toEqual(['POST /auth/login', 'GET /auth/profile']);
	});

	test.describe('if it cannot be loaded,', () => {
		test.use({ expectErrors: failing('aborted') });

		test('is missed in words, and tried again at the next click', async ({ page, account }) => {
			await page.goto('/login', { waitUntil: 'networkidle' });
			await page.route(script, (route) => route.abort());
			await fillSignIn(page, account);
			await signInButton(page).click();
			await expect(page.getByRole('alert')).toContainText('A part of this page could not be loaded.');
			await expect(signInButton(page)).not.toHaveAttribute('aria-disabled');
			await page.unroute(script);
			await signInButton(page).click();
			await expect(page.getByText(account.email)).toBeVisible();
			await expect(page).toHaveURL('/account/profile');
		});
	});
});

test.describe('without a network', () => {
	test.use({ expectErrors: failing('offline') });

	test('a page says so in place of its data, and loads at a click when there is one again', async ({
		page,
		context,
		account
	}) => {
		await signIn(page, account, '/login?next=/account/sessions');
		await expect(page.getByText('This device')).toBeVisible();
		await page.getByRole('link', { name: 'Profile' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
		await page.getByRole('link', { name: 'Devices' }).click();
		await expect(page.getByText('This device')).toBeVisible();
		await context.setOffline(true);
		await page.getByRole('link', { name: 'Profile' }).click();
		const alert = page.getByRole('main').getByRole('alert');
		await expect(alert).toContainText('You are offline.');
		await context.setOffline(false);
		await alert.getByRole('button', { name: 'Try again' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
		await expect(alert).toBeHidden();
	});

	test('a change is not saved, is not lost, and is saved later', async ({ page, context, account }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		await context.setOffline(true);
		await edit(page, 'About you', 'Written in a tunnel.');
		const field = page.getByRole('textbox', { name: 'About you' });
		await expect(field).toHaveAccessibleDescription(/^You are offline\./);
		await expect(field).toHaveValue('Written in a tunnel.');
		await context.setOffline(false);
		await page.getByRole('button', { name: 'Save' }).click();
		await expect(page.getByText('Saved: About you')).toBeVisible();
		await page.reload();
		await expect(shown(page, 'About you')).toHaveText('Written in a tunnel.');
	});
});

test.describe("the gateway's own answers", () => {
	test.use({ expectErrors: failing(500, 503) });

	test('to a sign-in are told in our words, and the same form works at the next click', async ({
		page,
		account
	}) => {
		await page.goto('/login');
		await fillSignIn(page, account);
		for (const [answer, text] of [
			[bare(500, 'Internal Server Error'), 'Something went wrong on our side.'],
			[bare(503, 'Service Unavailable'), 'The service cannot answer just now. Nothing is lost.']
		] as const) {
			await answerOnce(page, 'POST', '/auth/login', answer);
			await signInButton(page).click();
			await expect(page.getByRole('alert')).toHaveText(text);
		}
		await signInButton(page).click();
		await expect(page.getByText(account.email)).toBeVisible();
	});

	test('in place of the profile are told, with a way to try again', async ({ page, account }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		await answerOnce(page, 'GET', '/auth/profile', bare(500, 'Internal Server Error'));
		await page.reload();
		const alert = page.getByRole('main').getByRole('alert');
		await expect(alert).toContainText('Something went wrong on our side.');
		await expect(alert).not.toContainText('Internal');
		await alert.getByRole('button', { name: 'Try again' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
	});

	test('to the refresh sign nobody out', async ({ page, account }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		await answerOnce(page, 'POST', '/auth/refresh', bare(503, 'Service Unavailable'));
		await page.reload();
		await expect(page.getByRole('main').getByRole('alert')).toContainText(
			'The service cannot answer just now.'
		);
		await expect(page).toHaveURL('/account/profile');
		await page.getByRole('button', { name: 'Try again' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
	});
});

test.describe('a lost answer', () => {
	test.use({ expectErrors: failing('aborted', 401, 409) });

	test('to a registration that was made: the retry signs in', async ({ page, context }) => {
		const account = someone();
		await fillRegistration(page, account);
		let isLost = false;
		await page.route('**/auth/register', async (route) => {
			if (isLost) return route.continue();
			isLost = true;
			expect((await route.fetch()).status()).toBe(201);
			await route.abort('failed');
		});
		const calls = apiCalls(context);
		await registerButton(page).click();
		await expect(page.getByRole('alert')).toHaveText('The service cannot be reached. Check the connection.');
		await expect(page.getByRole('textbox', { name: 'Username' })).toHaveValue(account.username);
		await registerButton(page).click();
		await expect(page.getByText(account.email)).toBeVisible();
		await expect(page).toHaveURL('/account/profile');
		expect(calls).toEqual([
			'POST /auth/register',
			'POST /auth/register',
			'POST /auth/login',
			'GET /auth/profile'
		]);
	});

	test("to a registration that was not made: somebody else's address is still taken", async ({
		page,
		account
	}) => {
		await fillRegistration(page, { ...someone(), email: account.email, password: `${password} at dusk` });
		let isLost = false;
		await page.route('**/auth/register', async (route) => {
			if (isLost) return route.continue();
			isLost = true;
			await route.abort('failed');
		});
		await registerButton(page).click();
		await expect(page.getByRole('alert')).toHaveText('The service cannot be reached. Check the connection.');
		await registerButton(page).click();
		const field = page.getByLabel('E-mail address');
		await expect(field).toHaveAccessibleDescription('This address has an account. Sign in instead?');
		await expect(field).toBeFocused();
	});
});

test.describe('changes at the same time', () => {
	test.use({ expectErrors: failing(412) });

	test('of two fields here are both saved, one after the other', async ({ page, context, account }) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const calls = apiCalls(context);
		const answers: number[] = [];
		context.on('response', (response) => answers.push(response.status()));
		const gates = [gate(), gate()];
		let sent = 0;
		await page.route('**/auth/profile', async (route) => {
			await gates[sent++]?.passed;
			await route.continue();
		});
		await edit(page, 'Full name', 'Ada Lovelace');
		await edit(page, 'About you', 'Wrote the first program.');
		await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');
		await expect(shown(page, 'About you')).toHaveText('Wrote the first program.');
		expect(calls).toEqual(['PATCH /auth/profile']);
		gates[0]?.open();
		await expect(page.getByText('Saved: Full name')).toBeVisible();
		// The answer to the first knows nothing of the second, which is still on its way.
		await expect.poll(() => sent).toBe(2);
		await expect(shown(page, 'About you')).toHaveText('Wrote the first program.');
		gates[1]?.open();
		await expect(page.getByText('Saved: About you')).toBeVisible();
		expect(calls).toEqual(['PATCH /auth/profile', 'PATCH /auth/profile']);
		expect(answers.filter((status) => status !== 200)).toEqual([]);
		await page.reload();
		await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');
		await expect(shown(page, 'About you')).toHaveText('Wrote the first program.');
	});

	test('of another field elsewhere are both kept, and nobody is asked', async ({
		page,
		account,
		baseURL
	}) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const elsewhere = await signInElsewhere(baseURL, account);
		await fromElsewhere(baseURL, elsewhere, 'PATCH', '/auth/profile', { bio: 'From the phone.' });
		await edit(page, 'Full name', 'Ada Lovelace');
		await expect(page.getByText('Saved: Full name')).toBeVisible();
		await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');
		await expect(shown(page, 'About you')).toHaveText('From the phone.');
	});

	test('of the same field elsewhere show the new value and keep what was typed', async ({
		page,
		account,
		baseURL
	}) => {
		await signIn(page, account);
		await expect(page.getByText(account.email)).toBeVisible();
		const elsewhere = await signInElsewhere(baseURL, account);
		await fromElsewhere(baseURL, elsewhere, 'PATCH', '/auth/profile', { full_name: 'Augusta Ada King' });
		await edit(page, 'Full name', 'Ada Lovelace');
		const field = page.getByRole('textbox', { name: 'Full name' });
		await expect(field).toHaveValue('Ada Lovelace');
		await expect(field).toHaveAccessibleDescription(/^This was changed elsewhere meanwhile\./);
		await expect(field).toBeFocused();
		await expect(page.getByRole('main')).toContainText('Augusta Ada King');
		await page.getByRole('button', { name: 'Save' }).click();
		await expect(page.getByText('Saved: Full name')).toBeVisible();
		const now = await (await fromElsewhere(baseURL, elsewhere, 'GET', '/auth/profile')).json();
		expect(now).toMatchObject({ user: { full_name: 'Ada Lovelace' } });
	});
});

test.describe('faults that only the service finds', () => {
	test.use({ expectErrors: failing(401, 409, 422) });

	/** Marked, described, and found by who cannot see it. */
	async function expectFault(page: Page, label: string, text: string | RegExp) {
		const field = page.locator('input, textarea').and(page.getByLabel(label, { exact: true }));
		await expect(field).toHaveAttribute('aria-invalid', 'true');
		await expect(field).toHaveAccessibleDescription(text);
		const ids = (await field.getAttribute('aria-describedby'))?.split(' ') ?? [];
		for (const id of ids) await expect(page.locator(`[id="${id}"]`)).toBeVisible();
	}

	test('a password that is easily guessed is refused with the reason', async ({ page }) => {
		await fillRegistration(page, { ...someone(), password: 'aaaaaaaaaaaaaaaaaaaaaaaa' });
		await registerButton(page).click();
		await expectFault(page, 'Password', 'Repetitions like "aaa" are easily guessed.');
		await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
		await expect(page.getByRole('textbox', { name: 'Username' })).not.toHaveAttribute('aria-invalid');
		await expect(page.getByText('One field needs your attention.')).toBeAttached();
		// Mended, the fault is gone.
		await page.getByLabel('Password', { exact: true }).fill(password);
		await page.getByLabel('The same password again').fill(password);
		await registerButton(page).click();
		await expect(page).toHaveURL('/account/profile');
	});

	test('all faults are shown, and the first field with one has the focus', async ({ page }) => {
		await fillRegistration(page, { ...someone(), username: 'a b', password: 'short' });
		await registerButton(page).click();
		await expectFault(page, 'Username', /^Letters and digits only/);
		await expectFault(page, 'Password', 'This is too short.');
		await expect(page.getByRole('textbox', { name: 'Username' })).toBeFocused();
		await expect(page.getByText('2 fields need your attention.')).toBeAttached();
	});

	test('a username that is taken', async ({ page, account }) => {
		await fillRegistration(page, { ...someone(), username: account.username.toUpperCase() });
		await registerButton(page).click();
		await expectFault(page, 'Username', /^This username is taken\./);
		await expect(page.getByRole('textbox', { name: 'Username' })).toBeFocused();
	});

	test('an address that is taken', async ({ page, account }) => {
		await fillRegistration(page, { ...someone(), email: account.email.toUpperCase() });
		await registerButton(page).click();
		await expectFault(page, 'E-mail address', 'This address has an account. Sign in instead?');
		await expect(page.getByLabel('E-mail address')).toBeFocused();
	});

	test('a username that is taken, in the profile', async ({ page, account, baseURL }) => {
		const other = await newAccount(baseURL ?? '');
		await signIn(page, account);
		await edit(page, 'Username', other.username);
		await expectFault(page, 'Username', /^This username is taken\./);
		await expect(page.getByRole('textbox', { name: 'Username' })).toBeFocused();
	});

	test('a birth date that is to come', async ({ page, account }) => {
		await signIn(page, account);
		await page.getByRole('button', { name: 'Edit: Birth date' }).click();
		await page.getByLabel('Birth date').fill('2999-12-31');
		await page.getByRole('button', { name: 'Save' }).click();
		await expect(page.getByLabel('Birth date')).toHaveAccessibleDescription(
			'A birth date is not in the future.'
		);
		await expect(page.getByLabel('Birth date')).toHaveAttribute('aria-invalid', 'true');
	});

	test('a wrong current password, and a new one that is no better', async ({ page, account }) => {
		await signIn(page, account, '/login?next=/account/password');
		const fill = async (current: string, next: string) => {
			await page.getByLabel('Current password').fill(current);
			await page.getByLabel('New password').fill(next);
			await page.getByLabel('The same password again').fill(next);
			await page.getByRole('button', { name: 'Change password' }).click();
		};
		await fill(`${account.password}!`, `${password} at noon`);
		await expectFault(page, 'Current password', 'This is not your current password.');
		await expect(page.getByLabel('Current password')).toBeFocused();
		await expect(page.getByLabel('New password')).toHaveValue(`${password} at noon`);
		await fill(account.password, account.password);
		await expectFault(page, 'New password', 'This is the current password.');
		await expect(page.getByRole('status')).toBeEmpty();
	});
});
