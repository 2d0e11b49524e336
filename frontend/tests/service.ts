import { test as base, expect, type BrowserContext, type Locator, type Page } from '@playwright/test';

export interface Account {
	email: string;
	username: string;
	password: string;
}

/** The cookie by which a page is shown as that of somebody signed in. */
export const hint = {
	name: '__Host-signed-in',
	value: '1',
	domain: '127.0.0.1',
	path: '/',
	secure: true,
	sameSite: 'Strict'
} as const;

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

/** A request as another device makes it, which is no browser. */
export function fromElsewhere(
	baseURL: string | undefined,
	token: string,
	method: string,
	path: string,
	body?: object
): Promise<Response> {
	const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
	return fetch(`${baseURL}${path}`, { method, headers, body: body ? JSON.stringify(body) : null });
}

/** Signs another device in, and gives its access token. */
export async function signInElsewhere(
	baseURL: string | undefined,
	{ email, password }: Account
): Promise<string> {
	const answer = await fetch(`${baseURL}/auth/login`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', 'user-agent': 'curl/8.5.0' },
		body: JSON.stringify({ email, password })
	});
	expect(answer.status).toBe(200);
	return ((await answer.json()) as { access_token: string }).access_token;
}

/** Types into a field of the profile, and saves. */
export async function edit(page: Page, label: string, text: string): Promise<void> {
	await page.getByRole('button', { name: `Edit: ${label}` }).click();
	// Not by the label alone, which the button has as well.
	await page.getByRole('textbox', { name: label }).fill(text);
	await page.getByRole('button', { name: 'Save' }).click();
}

/** What a page shows for a field of the profile. */
export function shown(page: Page, label: string): Locator {
	return page.locator('dt', { hasText: label }).locator('+ dd');
}

/** An answer in the service's form, for `route.fulfill`. */
export function problem(status: number, code: string, headers: Record<string, string> = {}) {
	return {
		status,
		contentType: 'application/problem+json',
		headers,
		body: JSON.stringify({ type: 'about:blank', title: code, status, code, detail: code, request_id: 'test' })
	};
}

/** A gate that requests wait at until the test has seen what it wants. */
export function gate(): { passed: Promise<void>; open: () => void } {
	let open = () => {};
	const passed = new Promise<void>((resolve) => (open = resolve));
	return { passed, open };
}

/**
 * For `expectErrors`: the browser's own line for an answer of such a status, or for none at all. One pattern, since
 * Playwright takes an option of two or more for something else.
 */
export function failing(...statuses: (number | 'offline' | 'aborted')[]): RegExp[] {
	const lines = statuses.map((status) =>
		status === 'offline'
			? 'net::ERR_INTERNET_DISCONNECTED'
			: status === 'aborted'
				? 'net::ERR_FAILED'
				: `the server responded with a status of ${status} `
	);
	return [new RegExp(`^Failed to load resource: (${lines.join('|')})`)];
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
