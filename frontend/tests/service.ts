import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';

export interface Account {
	email: string;
	username: string;
	password: string;
}

export const password = 'wooden lantern over quiet harbour';
let last = 0;

/** Somebody new, by the API. */
export async function newAccount(baseURL: string, more: Record<string, string> = {}): Promise<Account> {
	const name = `t${process.pid}x${++last}x${Date.now().toString(36)}`;
	const account = { email: `${name}@example.com`, username: name, password };
	const answer = await fetch(`${baseURL}/auth/register`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ ...account, ...more })
	});
	expect(answer.status).toBe(201);
	return account;
}

/** The way a visitor does it. */
export async function signIn(page: Page, account: Account, path = '/login'): Promise<void> {
	await page.goto(path);
	await page.getByLabel('E-mail address or username').fill(account.email);
	await page.getByLabel('Password', { exact: true }).fill(account.password);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await expect(page.getByRole('heading', { level: 1 })).not.toHaveText('Sign in');
}

/** What the pages of a context ask the API for: `POST /auth/login`. */
export function apiCalls(context: BrowserContext): string[] {
	const calls: string[] = [];
	context.on('request', (request) => {
		const path = new URL(request.url()).pathname;
		if (path.startsWith('/auth/')) calls.push(`${request.method()} ${path}`);
	});
	return calls;
}

/**
 * Every test also fails if a page logs an error, throws, breaks the Content-Security-Policy, or asks another host.
 * `expectErrors` lets the browser's own line for a failed request pass.
 */
export const test = base.extend<{ account: Account; expectErrors: RegExp[]; guarded: undefined }>({
	account: async ({ baseURL }, use) => {
		await use(await newAccount(baseURL ?? ''));
	},
	expectErrors: [[], { option: true }],
	guarded: [
		async ({ context, baseURL, expectErrors }, use) => {
			const faults: string[] = [];
			context.on('console', (message) => {
				if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
			});
			context.on('weberror', (error) => faults.push(String(error.error())));
			context.on('request', (request) => {
				const url = request.url();
				if (!url.startsWith(`${baseURL}/`) && !url.startsWith('data:')) faults.push(`third party: ${url}`);
			});
			await use(undefined);
			expect(faults.filter((fault) => !expectErrors.some((pattern) => pattern.test(fault)))).toEqual([]);
		},
		{ auto: true }
	]
});

export { expect };
