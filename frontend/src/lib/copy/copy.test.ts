import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import de from './de.ts';
import en from './en.ts';

test('every reason that the service has against a password is said in every language', () => {
	const source = readFileSync(new URL('../../../../shared/auth/src/strength.rs', import.meta.url), 'utf8');
	const code = source.slice(0, source.indexOf('#[cfg(test)]'));
	const reasons = [...code.matchAll(/"((?:[^"\\]|\\.)*guessed(?:[^"\\]|\\.)*|This is [^"]*)"/g)].map(
		([, text = '']) => text.replaceAll('\\"', '"')
	);
	expect(reasons.length).toBeGreaterThan(10);
	for (const reason of reasons) {
		expect(en.reasons(reason)).toBe(reason);
		expect(de.reasons(reason), reason).toBeTruthy();
	}
});

test('the languages say the same things', () => {
	const keys = (value: unknown, path = ''): string[] =>
		typeof value === 'object' && value !== null
			? Object.entries(value).flatMap(([key, inner]) => keys(inner, `${path}.${key}`))
			: [path];
	expect(keys(de)).toEqual(keys(en));
});
