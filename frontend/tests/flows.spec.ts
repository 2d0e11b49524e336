import { apiCalls, expect, password, test } from './service.ts';

test('a visitor registers, is signed in, edits the profile, and signs out', async ({ page, context }) => {
	const calls = apiCalls(context);
	await page.goto('/');
	await page.getByRole('main').getByRole('link', { name: 'Create account' }).click();
	const name = `ada${Date.now().toString(36)}`;
	await page.getByLabel('E-mail address').fill(`${name}@example.com`);
	await page.getByLabel('Username').fill(name);
	await page.getByLabel('Password', { exact: true }).fill(password);
	await page.getByLabel('The same password again').fill(password);
	await page.getByRole('button', { name: 'Create account' }).click();
	await expect(page.getByRole('heading', { level: 1 })).toHaveText('Profile');
	await expect(page.getByText(`${name}@example.com`)).toBeVisible();
	expect(calls).toEqual(['POST /auth/register', 'POST /auth/login', 'GET /auth/profile']);

	await page.getByRole('button', { name: 'Edit: Full name' }).click();
	await page.getByLabel('Full name').fill('Ada Lovelace');
	await page.getByRole('button', { name: 'Save' }).click();
	await expect(page.getByText('Saved: Full name')).toBeVisible();
	await page.getByRole('button', { name: 'Edit: Birth date' }).click();
	await page.getByLabel('Birth date').fill('1990-12-10');
	await page.getByRole('button', { name: 'Save' }).click();
	await expect(page.getByText('December 10, 1990')).toBeVisible();
	await page.getByRole('button', { name: 'Edit: About you' }).click();
	await page.getByLabel('About you').fill('First line\nsecond line');
	await page.getByRole('button', { name: 'Save' }).click();
	await expect(page.getByText('Saved: About you')).toBeVisible();
	await page.reload();
	await expect(page.getByText('Ada Lovelace')).toBeVisible();
	await expect(page.getByText('December 10, 1990')).toBeVisible();
	await expect(page.getByText('First line\nsecond line')).toBeVisible();
	await expect(page.getByRole('banner').getByText('AL')).toBeVisible();

	await page.getByRole('button', { name: 'Sign out' }).click();
	await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
	// The page does not wait for the service with this.
	await expect
		.poll(async () => (await context.cookies()).map((cookie) => cookie.name))
		.not.toContain('__Host-refresh');
	await page.goto('/account/profile');
	await expect(page).toHaveURL('/login?next=%2Faccount%2Fprofile');
});

test('one click on Sign in makes one request, and the next page its own', async ({
	page,
	context,
	account
}) => {
	await page.goto('/login');
	const calls = apiCalls(context);
	await page.getByLabel('E-mail address or username').fill(account.username);
	await page.getByLabel('Password', { exact: true }).fill(account.password);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await expect(page.getByText(account.email)).toBeVisible();
	expect(calls).toEqual(['POST /auth/login', 'GET /auth/profile']);
});
