import { goto, refreshAll } from '$app/navigation';
import { createClient, type Status, type User } from '@vestibule/client';
import { destination, href, isAccountPage, isSignInPage, loginFrom } from './paths.ts';

/** The one client of this tab. It makes no request by itself. */
export const client = createClient();

class Session {
	status = $state<Status>(client.status);
	/** Who is signed in, as far as a page has asked; the header shows their initials. */
	user = $state.raw<User | null>(null);
}
export const session = new Session();

/** How many of this page's own sign-ins and sign-outs are under way: these know by themselves where to go next. */
let acting = 0;

/** Signs in or out, and goes where the visitor then belongs. Until that has happened, nothing else leads the page away. */
export async function act(run: () => Promise<void>): Promise<void> {
	acting += 1;
	try {
		await run();
	} finally {
		acting -= 1;
	}
}

/** Forgets the session here at once, whatever the network does. */
export function signOut(): Promise<void> {
	return act(async () => {
		try {
			await client.logout();
		} finally {
			await go(href(''));
		}
	});
}

/** Back leads to where the visitor came from, not to a page that is not for them any more. */
export async function go(address: string): Promise<void> {
	await goto(address, { replaceState: true });
}

/** Follows the client: what another tab did, too. Returns the end of it. */
export function followSession(): () => void {
	// What the early script of app.html found, from now on as the client knows it.
	const mark = () => {
		document.documentElement.dataset.session = client.status === 'signed_out' ? 'none' : 'maybe';
	};
	const follow = (status: Status, before: Status) => {
		session.status = status;
		mark();
		if (status === 'signed_out') session.user = null;
		// Somebody else: nothing of the one before may stay on the page.
		const isAnother = status === 'signed_in' && before === 'signed_in';
		if (isAnother) session.user = null;
		if (acting > 0) return undefined;
		const path = location.pathname;
		if (status === 'signed_out') return isAccountPage(path) ? go(loginFrom(path)) : undefined;
		if (isAnother) return refreshAll();
		return status === 'signed_in' && isSignInPage(path) ? go(destination(location.search)) : undefined;
	};
	mark();
	return client.subscribe((status) => {
		// A navigation that another one has overtaken is no fault.
		follow(status, session.status)?.catch(() => {});
	});
}
