import { load as loadFrom, readProfile } from '#lib/account.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = () => ({ profile: loadFrom(readProfile) });
