import { browser } from '$app/env';
import type { User, Versioned } from '@vestibule/client';
import { client } from './client.ts';
import { session } from './session.svelte.ts';

/**
 * What a page of the account shows, as a promise: the page is there at once, with a skeleton in its place. When the site
 * is built there is nobody whose data it could be.
 */
export function load<T>(read: () => Promise<T>): Promise<T> {
	if (!browser) return new Promise(() => {});
	const promise = read();
	// The page shows it; a page that was left meanwhile doesn't.
	promise.catch(() => {});
	return promise;
}

export async function readProfile(): Promise<Versioned> {
	const profile = await client.readProfile();
	session.user = profile.user;
	return profile;
}

/** Who is signed in, without a request where this tab knows it already. */
export async function whoAmI(): Promise<User> {
	return session.user ?? (await readProfile()).user;
}
