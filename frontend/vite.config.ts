import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type ProxyOptions } from 'vite';

/** Where `make run` listens. */
const api = 'http://127.0.0.1:3000';
/** The page's origin is Vite's here; the API knows its own alone. */
const proxy: ProxyOptions = { target: api, headers: { origin: api } };

/** What every page has, and the sign-in page, which most visitors see: one file, which gzip makes smaller than twenty. */
const shared =
	/frontend\/(src\/routes\/(\+layout\.|.*\/login\/)|src\/lib\/(form|lang|notices|paths|session|copy\/index)\.|src\/lib\/ui\/(Alert|Avatar|Button|Field|Footer|FormFailure|Header|Notices|PasswordField|Spinner|ThemeSwitch)\.|packages\/client\/src\/(environment|needed)\.)/;
/** Parts of Svelte that none of these uses. They define functions and do nothing else. */
const rare = /svelte\/src\/internal\/client\/dom\/blocks\/(await|each)\.js$/;

export default defineConfig({
	plugins: [
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
				rolldownOptions: {
					treeshake: { moduleSideEffects: [{ test: rare, sideEffects: false }] },
					// Else a group takes in all that its modules import, and Kit's runtime has to stay alone.
					preserveEntrySignatures: 'allow-extension',
					output: {
						codeSplitting: {
							includeDependenciesRecursively: false,
							groups: [
								{ name: 'shared', test: shared },
								{ name: 'rare', test: rare }
							]
						}
					}
				}
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
