import { describe, expect, test, vi } from 'vitest';
import { clientName } from './browser.ts';
import { strengthOf } from './strength.ts';
import { ago, day } from './time.ts';

vi.mock('$app/state', () => ({ page: { data: { lang: 'en' } } }));
const { destination, href, isAccountPage, loginFrom } = await import('./paths.ts');

describe('where to go after signing in', () => {
	test('is the page that the visitor was sent away from', () => {
		expect(loginFrom('/account/sessions')).toBe('/login?next=%2Faccount%2Fsessions');
		expect(destination('?next=%2Faccount%2Fsessions')).toBe('/account/sessions');
		expect(destination('?next=%2Fde%2Faccount%2Fprofile')).toBe('/de/account/profile');
	});

	test.each([
		'https://evil.example/account/profile',
		'//evil.example/account/profile',
		'/\\evil.example/account/profile',
		'/account/../../evil',
		'/account/profile?x=//evil',
		'/account/profile/../..//evil',
		'\t/account/profile',
		'/account/profile\n',
		'/fr/account/profile',
		'javascript:alert(1)',
		'/account/',
		'/login',
		'/',
		''
	])('is never %j', (next) => {
		expect(destination(`?next=${encodeURIComponent(next)}`)).toBe('/account/profile');
		expect(isAccountPage(next)).toBe(false);
	});

	test('is the profile where nothing is asked for', () => {
		expect(destination('')).toBe('/account/profile');
		expect(href('account/profile', 'de')).toBe('/de/account/profile');
		expect([href('', 'en'), href('', 'de')]).toEqual(['/', '/de']);
	});
});

describe('the first opinion on a password', () => {
	test.each([
		['', 'empty'],
		['short', 'short'],
		['aaaaaaaaaaaaaaaaaaaaaaaa', 'repetitive'],
		['abcabcabcabcabcabcabc', 'repetitive'],
		['ada.lovelace@example.com', 'own_words'],
		['LovelaceLovelace!', 'own_words'],
		['wooden lantern over quiet harbour', 'good']
	])('of %j is %s', (password, reason) => {
		expect(strengthOf(password, ['ada.lovelace@example.com', 'ada']).reason).toBe(reason);
	});

	test('counts code points after NFC, as the service does', () => {
		expect(strengthOf('😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰', []).missing).toBe(0);
		expect(strengthOf('e\u0301'.repeat(3), []).missing).toBe(12);
	});
});

test.each([
	['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox, Linux'],
	[
		'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0',
		'Edge, Windows'
	],
	[
		'Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36',
		'Chrome, Android'
	],
	[
		'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
		'Safari, iPhone'
	],
	['curl/8.14.1', 'curl'],
	['something of its own/1.0', 'something of its own/1.0'],
	['', null],
	[null, null]
])('%j is called %j', (userAgent, name) => {
	expect(clientName(userAgent)).toBe(name);
});

test('times that have passed are said in the language, and never lie in the future', () => {
	const now = Date.parse('2026-11-25T12:00:00Z');
	expect(ago('2026-11-25T09:00:00Z', now, 'en')).toBe('3 hours ago');
	expect(ago('2026-11-25T09:00:00Z', now, 'de')).toBe('vor 3 Stunden');
	expect(ago('2026-11-25T11:59:30Z', now, 'en')).toBe('now');
	expect(ago('2026-11-25T12:00:30Z', now, 'en')).toBe('now');
});

test('a birth date is the same day in every zone', () => {
	expect(day('1990-12-10', 'en')).toBe('December 10, 1990');
	expect(day('1990-12-10', 'de')).toBe('10. Dezember 1990');
});
