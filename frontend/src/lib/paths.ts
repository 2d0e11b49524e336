import { page } from '$app/state';
import { langs, type Lang } from './lang.ts';

export type Route = '' | 'login' | 'register' | 'account/profile' | 'account/sessions' | 'account/password';

/** The address of a page in the language that is being read, or in another. */
export function href(route: Route, lang: Lang = page.data.lang): string {
	return '/' + [lang === langs[0] ? '' : lang, route].filter(Boolean).join('/');
}

/**
 * Where to go after signing in: the page that the visitor was sent away from, if it is one of the account's.
 * Whatever else `next` says is somebody else's wish (an open redirect).
 */
export function destination(search: string): string {
	const next = new URLSearchParams(search).get('next') ?? '';
	return isAccountPage(next) ? next : href('account/profile');
}

/** The sign-in page that leads back to `path`. */
export function loginFrom(path: string): string {
	return isAccountPage(path) ? `${href('login')}?next=${encodeURIComponent(path)}` : href('login');
}

/** The same rule is in the early script of app.html. */
const accountPage = new RegExp(`^(/(${langs.slice(1).join('|')}))?/account/[a-z]+$`);

export function isAccountPage(path: string): boolean {
	return accountPage.test(path);
}

/** A page that opens a session. Links from one to the other replace it, so that Back never leads to one after signing in. */
export function isEntryPage(path: string): boolean {
	return /\/(login|register)$/.test(path);
}
