import { describe, expect, test } from 'vitest';
import { cdnFile, cdnFunction } from './cdn.ts';

describe('the distribution', () => {
	test.each([
		['/', '/index.html'],
		['/login', '/login.html'],
		['/account/sessions', '/account/sessions.html'],
		['/de', '/de.html'],
		['/de/register', '/de/register.html'],
		['/favicon.svg', '/favicon.svg'],
		['/_app/immutable/chunks/a.b-c.js', '/_app/immutable/chunks/a.b-c.js']
	])('finds the file of %s', (path, file) => {
		expect(cdnFile(path)).toBe(file);
	});

	test.each([
		'/nowhere',
		'/account',
		'/account/',
		'/account/nowhere',
		'/fr/login',
		'/de/de',
		'/auth',
		'/login.html',
		'/404',
		'/404.html',
		'/login.html.br',
		'/favicon.svg.gz',
		'/LOGIN',
		'//',
		'//login',
		'//example.com/',
		'/login//',
		'/.well-known',
		'/_app/immutable/'
	])('has no page at %s', (path) => {
		expect(cdnFile(path)).toBe('/404.html');
	});

	test('leads a slash at the end to the page, query and all', () => {
		expect(cdnFile('/login/')).toBe('308 /login');
		expect(cdnFile('/de/')).toBe('308 /de');
		const next = { next: { value: '%2Faccount%2Fprofile' } };
		expect(cdnFile('/login/', next)).toBe('308 /login?next=%2Faccount%2Fprofile');
		const many = { a: { value: '1', multiValue: [{ value: '1' }, { value: '' }] }, b: { value: '' } };
		expect(cdnFile('/login/', many)).toBe('308 /login?a=1&a&b');
	});

	test('answers 404 for the page of that name, and nothing else', () => {
		const status = (statusCode: number, mark: boolean) =>
			cdnFunction('PageStatus')({
				response: { statusCode, headers: mark ? { 'x-amz-meta-status': { value: '404' } } : {} }
			});
		expect(status(200, true)).toEqual({ statusCode: 404, statusDescription: 'Not Found', headers: {} });
		expect(status(304, true)).toEqual({ statusCode: 304, headers: {} });
		expect(status(200, false)).toEqual({ statusCode: 200, headers: {} });
	});

	test('says whom it speaks for, whatever the client says', () => {
		const headers = { 'x-viewer-address': { value: '203.0.113.7' } };
		const made = cdnFunction('ViewerAddress')({
			viewer: { ip: '2001:db8::1' },
			request: { uri: '/auth/login', querystring: {}, headers }
		});
		expect(made.headers).toEqual({ 'x-viewer-address': { value: '2001:db8::1' } });
	});
});
