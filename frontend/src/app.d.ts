import type { Copy } from '#lib/copy/index.ts';
import type { Lang } from '#lib/lang.ts';

declare global {
	namespace App {
		interface PageData {
			lang: Lang;
			copy: Copy;
		}
	}
}

export {};
