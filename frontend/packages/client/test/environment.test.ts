import { afterEach, expect, test, vi } from 'vitest';
import { browser } from '../src/environment.ts';

afterEach(() => vi.unstubAllGlobals());

const says = () => [browser().hint.read(), browser().hint.owes()];

test.each([
	['', [false, false]],
	['__Host-signed-in=1', [true, false]],
	['theme=dark; __Host-signed-in=0; a=b', [false, true]]
])('the hint in "%s"', (cookie, said) => {
	vi.stubGlobal('document', { cookie });
	expect(says()).toEqual(said);
});

// Each of these some browser lets any host of the site set for all of them.
test.each([
	'signed-in',
	'__Secure-signed-in',
	'__host-signed-in',
	'x__Host-signed-in',
	'\u2000__Host-signed-in'
])('a cookie "%s" of another host neither owes a sign-out nor hides that there is a session', (name) => {
	vi.stubGlobal('document', { cookie: `${name}=0; __Host-signed-in=1; ${name}=0` });
	expect(says()).toEqual([true, false]);
	vi.stubGlobal('document', { cookie: `${name}=1` });
	expect(says()).toEqual([false, false]);
});

test('what is written is what browsers ask of the prefix', () => {
	const written: string[] = [];
	vi.stubGlobal('document', {
		set cookie(cookie: string) {
			written.push(cookie);
		}
	});
	const { hint } = browser();
	hint.write(60);
	hint.owe();
	hint.remove();
	const attributes = 'Path=/; Secure; SameSite=Strict';
	expect(written).toEqual([
		`__Host-signed-in=1; Max-Age=60; ${attributes}`,
		`__Host-signed-in=0; Max-Age=31536000; ${attributes}`,
		`__Host-signed-in=0; Max-Age=0; ${attributes}`
	]);
});
