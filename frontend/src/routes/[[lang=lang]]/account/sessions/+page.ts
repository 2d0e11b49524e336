import { load as loadFrom } from '#lib/account.ts';
import { client } from '#lib/client.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = () => ({ sessions: loadFrom(() => client.listSessions()) });
