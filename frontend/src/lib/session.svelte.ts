import { goto } from '$app/navigation';
import { whenNeeded, type Client, type Status, type User } from '@vestibule/client';
import { href, isAccountPage, loginFrom } from './paths.ts';

/**
 * The client, and what only a request needs. Rejects if that can't be loaded. The next call tries anew, though browsers
 * from before the summer of 2026 keep the failure until the page is loaded anew.
 */
export const loadClient = () => import('./client.ts');

let resolveCame: (client: Client) => void;
const came = new Promise<Client>((resolve) => (resolveCame = resolve));
/** Tells the pages, which follow it from now on. */
export const hasCome = (client: Client) => resolveCame(client);

class Session {
	/** Until the client has come, nobody knows. */
	status = $state<Status>('unknown');
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

/** Leaves at once, whatever the network does; rejects later if the service could not be told. */
export function signOut(): Promise<void> {
	return act(async () => {
		const { client } = await loadClient();
		const told = client.logout();
		told.catch(() => {});
		await go(href(''));
		await told;
	});
}

/**
 * Back leads to where the visitor came from, not to a page that is not for them any more. A navigation that another one
 * has overtaken is no fault.
 */
export function go(address: string): Promise<void> {
	return goto(address, { replaceState: true }).catch(() => {});
}

/** Loads the client if there may be a session, now or by what another tab does, and follows it. */
export function followSession() {
	const follow = (status: Status) => {
		const before = session.status;
		session.status = status;
		// What the early script of app.html found, from now on as the client knows it.
		document.documentElement.dataset.session = status === 'signed_out' ? 'none' : 'maybe';
		if (status === 'signed_out') session.user = null;
		if (acting > 0) return;
		const path = location.pathname;
		if (status === 'signed_out' && isAccountPage(path)) void go(loginFrom(path));
		// Somebody else, in another tab: nothing of the one before may stay, what was typed into a form included.
		if (status === 'signed_in' && before === 'signed_in') location.reload();
	};
	whenNeeded(loadClient);
	void came.then((client) => {
		// The page's data are asked for before it comes alive, and the answer may be here already.
		follow(client.status);
		client.subscribe(follow);
	});
}
