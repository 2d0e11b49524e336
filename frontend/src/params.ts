import { defineParams } from '@sveltejs/kit/params';
import { langs } from '#lib/lang.ts';

export const params = defineParams({
	lang: (param) => langs.slice(1).find((lang) => lang === param)
});
