import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type ProxyOptions } from 'vite';

/** Where `make run` listens. */
const api = 'http://127.0.0.1:3000';
/** The page's origin is Vite's here; the API knows its own alone. */
const proxy: ProxyOptions = { target: api, headers: { origin: api } };

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
	server: {
		host: '127.0.0.1',
		port: 5173,
		strictPort: true,
		proxy: { '/auth': proxy, '/.well-known': proxy, '/health': proxy }
	}
});
