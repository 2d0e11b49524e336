import { page } from '$app/state';
import { tick } from 'svelte';
import type { Failure, Faults, Places } from './failure.ts';
import type { Schema } from './schemas.ts';
import { loadClient } from './session.svelte.ts';

export type Loaded = Awaited<ReturnType<typeof loadClient>>;
type Send<Values> = (values: Values, loaded: Loaded) => Promise<void>;

/**
 * A form: its values, what is wrong with them, and whether it is on its way. Faults come from the schema before a
 * request and from the service after it; both are shown in the same place, and the first field with one gets the focus.
 */
export class Form<Values extends Record<string, string>> {
	values: Values;
	faults = $state.raw<Faults<Values>>({});
	failure = $state.raw<Failure | null>(null);
	busy = $state(false);
	/** For a live region: how many faults there are. */
	announcement = $state('');

	readonly #schema: Schema;

	constructor(values: Values, schema: Schema) {
		this.values = $state(values);
		this.#schema = schema;
	}

	/** Loads what `submit` will need. Nobody waits for it yet, and `submit` tries again. */
	readonly prepare = () => void loadClient().catch(() => {});

	/**
	 * Checks, and sends once. `send` gets the values; what it throws is shown, by `places` as `faultsOf` has it.
	 * @returns whether it was sent and accepted
	 */
	async submit(form: HTMLFormElement, send: Send<Values>, places: Places<Values> = {}): Promise<boolean> {
		if (this.busy) return false;
		this.busy = true;
		this.failure = null;
		this.faults = {};
		const isDone = await this.#try(send, places).finally(() => (this.busy = false));
		if (!isDone) await this.#point(form);
		return isDone;
	}

	async #try(send: Send<Values>, places: Places<Values>): Promise<boolean> {
		const copy = page.data.copy;
		const loaded = await loadClient().catch(() => null);
		if (!loaded) {
			this.failure = { text: copy.failures.notLoaded, retry: true };
			return false;
		}
		this.faults = loaded.check(this.#schema, this.values, copy);
		if (Object.keys(this.faults).length > 0) return false;
		try {
			await send({ ...this.values }, loaded);
			return true;
		} catch (error) {
			this.faults = loaded.faultsOf(error, this.values, copy, places);
			// A fault of what the form has no field for is shown too, rather than nothing at all.
			if (Object.keys(this.faults).length === 0) this.failure = loaded.failureOf(error, copy);
			return false;
		}
	}

	async #point(form: HTMLFormElement) {
		const count = Object.keys(this.faults).length;
		this.announcement = count > 0 ? page.data.copy.faultCount(count) : '';
		await tick();
		form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
	}
}
