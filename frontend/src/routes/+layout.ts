import { load as loadCopy } from '#lib/copy/index.ts';
import { langOf } from '#lib/lang.ts';
import type { LayoutLoad } from './$types';

// Every page is made when the site is built, for nobody in particular; what is somebody's comes with the API's answers.
export const prerender = true;
export const trailingSlash = 'never';

export const load: LayoutLoad = async ({ url }) => {
	// Not from the route's parameter: an address that is nowhere has none, and its error page a language all the same.
	const lang = langOf(url.pathname.split('/')[1]);
	return { lang, copy: await loadCopy(lang) };
};
