import type { Page } from '@playwright/test';
import { expect, newAccount, signIn, test } from './service.ts';

/** For people to look at: every page and what it can show, in both themes, on a phone and on a desk. */
async function shoot(page: Page, name: string, fullPage = true) {
	for (const width of [390, 1280]) {
		await page.setViewportSize({ width, height: 844 });
		for (const colorScheme of ['light', 'dark'] as const) {
			await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
			const path = `test-results/screenshots/${name}-${width}-${colorScheme}.png`;
			const image = await page.screenshot({ path, fullPage, animations: 'disabled' });
			// The width is in the header of a PNG.
			expect(image.readUInt32BE(16)).toBe(width);
		}
	}
}

async function arrive(page: Page, path: string) {
	await page.goto(path);
	await expect(page.locator('main h1')).toBeVisible();
	await expect(page.locator('main [aria-busy=true]')).toHaveCount(0);
}

test('pictures of the public pages', async ({ page }) => {
	for (const [name, path] of [
		['home', '/'],
		['home-de', '/de'],
		['login', '/login'],
		['register', '/register']
	] as const) {
		await arrive(page, path);
		await shoot(page, name);
	}
});

test('pictures of forms with faults', async ({ page }) => {
	await arrive(page, '/login');
	await page.getByRole('button', { name: 'Sign in' }).click();
	await expect(page.getByText('Please fill this in.')).toHaveCount(2);
	await shoot(page, 'login-faults');
	await arrive(page, '/register');
	await page.getByLabel('E-mail address').fill('nobody');
	await page.getByLabel('Password', { exact: true }).fill('short');
	await page.getByRole('button', { name: 'Create account' }).click();
	await expect(page.getByText('The two passwords are not the same.')).toBeVisible();
	await shoot(page, 'register-faults');
});

test('pictures of the account', async ({ page, baseURL }) => {
	const account = await newAccount(baseURL ?? '', {
		full_name: 'Ada Lovelace',
		birth_date: '1990-12-10',
		bio: 'First line\nSecond line, which goes on for a while, so that it has to be broken somewhere on a phone.'
	});
	await fetch(`${baseURL}/auth/login`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', 'user-agent': 'curl/8.0' },
		body: JSON.stringify({ username: account.username, password: account.password })
	});
	await signIn(page, account);
	await arrive(page, '/account/profile');
	await shoot(page, 'profile');
	await page.getByRole('button', { name: 'Edit: About you' }).click();
	await page.getByRole('button', { name: 'Edit: Username' }).click();
	await page.getByLabel('Username').fill('');
	await page.getByLabel('Username').press('Enter');
	await expect(page.locator('[id$=-fault]')).toBeVisible();
	await shoot(page, 'profile-editors');
	await arrive(page, '/account/password');
	await shoot(page, 'password');
	await arrive(page, '/');
	await shoot(page, 'home-signed-in');
	await arrive(page, '/account/sessions');
	await shoot(page, 'sessions');
	await page.getByRole('button', { name: 'Sign out all others' }).click();
	await expect(page.getByRole('dialog')).toBeVisible();
	// What lies over a page is where the window is.
	await shoot(page, 'dialog', false);
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.getByRole('button', { name: 'Sign out: curl' }).click();
	await expect(page.getByText('That device is signed out.')).toBeVisible();
	await shoot(page, 'notice', false);
});

test.describe('pictures of what is not there', () => {
	test.use({ expectErrors: [/status of (404|503)/] });

	test('an unknown address, what is on its way, and what could not be loaded', async ({ page, account }) => {
		await arrive(page, '/nowhere');
		await shoot(page, '404');
		await signIn(page, account);
		await page.route('/auth/profile', () => {});
		await page.route('/auth/sessions', (route) =>
			route.fulfill({ status: 503, json: { status: 503, code: 'unavailable' } })
		);
		await page.goto('/account/profile');
		await expect(page.locator('main [aria-busy=true]')).toBeVisible();
		await shoot(page, 'skeleton');
		await arrive(page, '/account/sessions');
		await expect(page.getByRole('alert')).toBeVisible();
		await shoot(page, 'failure');
	});
});
