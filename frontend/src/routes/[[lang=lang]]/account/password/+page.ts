import { load as loadFrom, whoAmI } from '#lib/account.ts';
import type { PageLoad } from './$types';

/** Also finds out now, not when two passwords have been typed, that the session is over. */
export const load: PageLoad = () => ({ user: loadFrom(whoAmI) });
