import { goto, refreshAll } from '$app/navigation';
import { createClient, type Status, type User } from '@vestibule/client';
import { href, isAccountPage, loginFrom } from './paths.ts';

/** The one client of this tab. It makes no request by itself. */
export const client = createClient();

class Session {
	status = $state<Status>(client.status);
	/** Who is signed in, as far as a page has asked; the header shows their initials. */
	user = $state.raw<User | null>(null);
}
export const session = new Session();

/** Follows the client: what another tab did, too. Returns the end of it. */
export function followSession(): () => void {
	// What the early script of app.html found, from now on as the client knows it.
	const mark = (status: Status) => {
		document.documentElement.dataset.session = status === 'signed_out' ? 'none' : 'maybe';
	};
	mark(client.status);
	return client.subscribe((status) => {
		const was = session.status;
		session.status = status;
		mark(status);
		if (status === 'signed_out') {
			session.user = null;
			if (isAccountPage(location.pathname)) void go(loginFrom(location.pathname));
		} else if (status === 'signed_in' && was === 'signed_in') {
			// Somebody else, in another tab: nothing of the one before may stay on the page.
			session.user = null;
			void refreshAll().catch(() => {});
		}
	});
}

/** Forgets the session here at once, whatever the network does. */
export async function signOut(): Promise<void> {
	try {
		await client.logout();
	} finally {
		await go(href(''));
	}
}

/** It rejects when another navigation takes its place, which is no failure of anything. */
function go(path: string): Promise<void> {
	return goto(path, { replaceState: true }).catch(() => {});
}
