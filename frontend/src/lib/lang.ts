/** The languages there are, the default first. Its pages have no prefix. */
export const langs = ['en', 'de'] as const;
export type Lang = (typeof langs)[number];

export function langOf(param: string | undefined): Lang {
	return langs.find((lang) => lang === param) ?? langs[0];
}
