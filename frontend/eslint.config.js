import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
	{
		ignores: [
			'build/',
			'.svelte-kit/',
			'packages/client/dist/',
			'packages/client/src/openapi.d.ts',
			'test-results/'
		]
	},
	js.configs.recommended,
	...ts.configs.strict,
	...svelte.configs.recommended,
	{ languageOptions: { globals: { ...globals.browser, ...globals.node } } },
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] } }
	},
	{
		rules: {
			// TypeScript sees these itself.
			'no-undef': 'off',
			// Addresses are made by href() of paths.ts, and the site is always at the root of its origin.
			'svelte/no-navigation-without-resolve': 'off',
			'no-console': 'error'
		}
	}
);
