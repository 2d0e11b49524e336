import type { Lang } from '../lang.ts';
import type en from './en.ts';

/** All that the pages say. The English file is the form; every other has to fill it. */
export type Copy = typeof en;

/** One file per language, and a visitor loads one. */
export async function load(lang: Lang): Promise<Copy> {
	return lang === 'de' ? (await import('./de.ts')).default : (await import('./en.ts')).default;
}
