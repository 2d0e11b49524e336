import type { Handle } from '@sveltejs/kit/hooks';
import { langOf, langs } from '#lib/lang.ts';

/** Runs when pages are prerendered, and in `vite dev`. */
export const handle: Handle = ({ event, resolve }) =>
	resolve(event, {
		transformPageChunk: ({ html }) =>
			html.replace('%lang%', langOf(event.params.lang)).replaceAll('%prefixes%', langs.slice(1).join('|'))
	});
