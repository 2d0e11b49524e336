import { createClient } from '@vestibule/client';
import { hasCome } from './session.svelte.ts';

/**
 * The one client of this tab; it makes no request by itself. Pages of the account import it. All others get it by
 * `loadClient()`, together with what only a request needs: a first visit to the sign-in page loads none of it.
 */
export const client = createClient();
hasCome(client);

export { Problem, Unreachable } from '@vestibule/client';
export { failureOf, faultsOf } from './failure.ts';
export { check } from './schemas.ts';
