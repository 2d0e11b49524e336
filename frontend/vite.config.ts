import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type Plugin, type ProxyOptions } from 'vite';

/** Where `make run` listens. */
const api = 'http://127.0.0.1:3000';
/** The page's origin is Vite's here; the API knows its own alone. */
const proxy: ProxyOptions = { target: api, headers: { origin: api } };

/**
 * Kit brings devalue to browsers for what a server's `load` or a remote function sends. There is neither, and it is 3 KiB of
 * every first load. What else it serves are the state of the history and the places of scrolling, which are plain JSON here.
 */
const withoutDevalue: Plugin = {
	name: 'without-devalue',
	apply: 'build',
	enforce: 'pre',
	applyToEnvironment: ({ name }) => name === 'client',
	resolveId: (id) => (id === 'devalue' ? '\0devalue' : undefined),
	load: (id) =>
		id === '\0devalue'
			? `export const { parse, stringify } = { parse: (text) => JSON.parse(text), stringify: (value) => JSON.stringify(value) };
				const none = () => { throw new Error('devalue was left out by vite.config.ts'); };
				export { none as unflatten, none as uneval };`
			: undefined
};

/** What every page needs, with all that it needs in turn, is one file: 4 KiB less than as a dozen, gzipped. */
const shared =
	/runtime\/client\/client\.js$|routes\/\+layout\.(svelte|ts)|lib\/form\.svelte\.ts|ui\/(Button|FormFailure|PasswordField)\.svelte/;

export default defineConfig({
	plugins: [
		withoutDevalue,
		tailwindcss(),
		sveltekit({
			adapter: adapter({ fallback: '404.html' }),
			paths: { relative: false },
			// Without it the time of day is in the build, and no two builds are the same.
			version: { name: process.env.BUILD_ID ?? 'development', pollInterval: 0 },
			compilerOptions: { runes: true },
			prerender: { handleUnseenRoutes: 'fail' }
		})
	],
	environments: {
		client: {
			build: {
				rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'shared', test: shared }] } } }
			}
		}
	},
	server: {
		host: '127.0.0.1',
		port: 5173,
		strictPort: true,
		proxy: { '/auth': proxy, '/.well-known': proxy, '/health': proxy }
	}
});
