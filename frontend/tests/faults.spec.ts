import { apiCalls, edit, expect, failing, gate, hint, problem, shown, signIn, test } from './service.ts';

// Each of these was wrong in a front end that this one was to be better than.

test('after a reload a signed-in visitor is still shown signed in, on the same page', async ({
	page,
	account
}) => {
	await signIn(page, account);
	await expect(page.getByText(account.email)).toBeVisible();
	await page.reload();
	await expect(page.getByText(account.email)).toBeVisible();
	await expect(page).toHaveURL('/account/profile');
	const banner = page.getByRole('banner');
	await expect(banner.getByRole('button', { name: 'Sign out' })).toBeVisible();
	await expect(banner.getByRole('link', { name: 'Sign in' })).toBeHidden();
	await page.goto('/');
	await expect(banner.getByRole('link', { name: 'Profile' })).toBeVisible();
	await expect(page.getByRole('link', { name: 'Sign in' })).toBeHidden();
});

test('mismatched passwords register nobody: no request is made', async ({ page, context, account }) => {
	const calls = apiCalls(context);
	await page.goto('/register');
	await page.getByLabel('E-mail address').fill(`other-${account.email}`);
	await page.getByRole('textbox', { name: 'Username' }).fill(`${account.username}other`);
	await page.getByLabel('Password', { exact: true }).fill(account.password);
	const repeat = page.getByLabel('The same password again');
	await repeat.fill(`${account.password}!`);
	await page.getByRole('button', { name: 'Create account' }).click();
	await expect(repeat).toHaveAccessibleDescription('The two passwords are not the same.');
	await expect(repeat).toBeFocused();
	await expect(page.getByRole('textbox', { name: 'Username' })).toHaveValue(`${account.username}other`);
	expect(calls).toEqual([]);
});

test('no token is in a storage, a cookie that scripts read, the page or an address', async ({
	page,
	context,
	account
}) => {
	const addresses: string[] = [];
	context.on('request', (request) => addresses.push(request.url()));
	context.on('page', (other) => other.on('framenavigated', (frame) => addresses.push(frame.url())));
	const tokens: string[] = [];
	context.on('response', async (response) => {
		if (!/\/auth\/(login|refresh)$/.test(response.url())) return;
		tokens.push(((await response.json()) as { access_token: string }).access_token);
	});
	await signIn(page, account);
	await expect(page.getByText(account.email)).toBeVisible();
	await page.reload();
	await expect(page.getByText(account.email)).toBeVisible();
	await edit(page, 'Full name', 'Ada Lovelace');
	await expect(page.getByText('Saved: Full name')).toBeVisible();
	await expect.poll(() => tokens.length).toBe(2);

	const cookies = await context.cookies();
	for (const cookie of cookies.filter(({ name }) => name !== hint.name)) {
		expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Strict', path: '/' });
		tokens.push(cookie.value);
	}
	expect(cookies.map(({ name }) => name).sort()).toEqual([
		'__Host-device',
		'__Host-refresh',
		'__Host-signed-in'
	]);

	const look = async () => ({
		...(await page.evaluate(async () => ({
			local: JSON.stringify({ ...localStorage }),
			session: JSON.stringify({ ...sessionStorage }),
			cookie: document.cookie,
			page: document.documentElement.outerHTML,
			values: [...document.querySelectorAll('input, textarea')].map(
				(field) => (field as HTMLInputElement).value
			),
			history: JSON.stringify(history.state),
			window: Object.values(window).filter((value) => typeof value === 'string'),
			databases: (await indexedDB.databases()).length,
			caches: (await caches.keys()).length
		}))),
		addresses
	});
	const found = await look();
	expect(found).toMatchObject({ cookie: '__Host-signed-in=1', databases: 0, caches: 0 });
	const everything = JSON.stringify(found);
	expect(tokens).toHaveLength(4);
	for (const token of tokens) {
		expect(token.length).toBeGreaterThan(20);
		expect(everything).not.toContain(token);
		// Nor the part that matters.
		expect(everything).not.toContain(token.split('.').at(-1));
	}
	expect(everything).not.toMatch(/eyJ[\w-]+\.eyJ/);
});

test.describe('what the service refuses', () => {
	test.use({ expectErrors: failing(401, 422, 500) });

	test('a wrong password announces no success, says what is wrong, and keeps the name that was typed', async ({
		page,
		context,
		account
	}) => {
		await page.goto('/login');
		const calls = apiCalls(context);
		const name = page.getByLabel('E-mail address or username');
		await name.fill(account.username);
		await page.getByLabel('Password', { exact: true }).fill(`${account.password}!`);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await expect(page.getByRole('alert')).toHaveText('No account has this name and password.');
		await expect(name).toHaveValue(account.username);
		await expect(page.getByRole('status')).toBeEmpty();
		await expect(page).toHaveURL('/login');
		await expect(page.getByRole('banner').getByRole('button', { name: 'Sign out' })).toBeHidden();
		expect(calls).toEqual(['POST /auth/login']);
		expect(await context.cookies()).toEqual([]);

		await page.getByLabel('Password', { exact: true }).fill(account.password);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await expect(page.getByText(account.email)).toBeVisible();
	});

	test('a refused change says why next to its field, and what was there before is there again', async ({
		page,
		account
	}) => {
		await signIn(page, account);
		await edit(page, 'Username', 'two words');
		const field = page.getByRole('textbox', { name: 'Username' });
		await expect(field).toHaveAccessibleDescription(/^Letters and digits only/);
		await expect(field).toHaveValue('two words');
		await expect(field).toBeFocused();
		await expect(page.getByRole('status')).toBeEmpty();
		await page.getByRole('button', { name: 'Cancel' }).click();
		await expect(shown(page, 'Username')).toHaveText(account.username);
		await page.reload();
		await expect(shown(page, 'Username')).toHaveText(account.username);
	});

	test('a change is shown at once, and taken back if it fails', async ({ page, account }) => {
		await signIn(page, account);
		const answer = gate();
		await page.route('**/auth/profile', async (route) => {
			if (route.request().method() !== 'PATCH') return route.continue();
			await answer.passed;
			await route.fulfill(problem(500, 'internal'));
		});
		await edit(page, 'Full name', 'Ada Lovelace');
		await expect(shown(page, 'Full name')).toHaveText('Ada Lovelace');
		await expect(shown(page, 'Full name')).toHaveAttribute('aria-busy', 'true');
		answer.open();
		await expect(page.getByRole('textbox', { name: 'Full name' })).toHaveValue('Ada Lovelace');
		await expect(page.getByRole('textbox', { name: 'Full name' })).toHaveAccessibleDescription(
			'Something went wrong on our side. Reference: test'
		);
		await page.getByRole('button', { name: 'Cancel' }).click();
		await expect(shown(page, 'Full name')).toHaveText('Not given');
		await expect(page.getByRole('status')).toBeEmpty();
	});
});
