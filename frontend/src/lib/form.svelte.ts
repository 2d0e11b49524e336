import { page } from '$app/state';
import { Problem } from '@vestibule/client';
import { tick } from 'svelte';
import type { BaseIssue, BaseSchema } from 'valibot';
import { safeParse } from 'valibot';
import { failureOf, faultText, type Failure } from './failure.ts';

/**
 * A form: its values, what is wrong with them, and whether it is on its way. Faults come from the schema before a
 * request and from the service after it; both are shown in the same place, and the first field with one gets the focus.
 */
export class Form<Values extends Record<string, string>> {
	values: Values;
	/** By the field's name: what is wrong with it, in the reader's language. */
	faults = $state<Partial<Record<keyof Values, string>>>({});
	failure = $state.raw<Failure | null>(null);
	busy = $state(false);
	/** For a live region: how many faults there are. */
	announcement = $state('');

	readonly #schema: BaseSchema<Values, Values, BaseIssue<unknown>>;

	/** The messages of `schema` are codes of `copy.faults`. */
	constructor(values: Values, schema: BaseSchema<Values, Values, BaseIssue<unknown>>) {
		this.values = $state(values);
		this.#schema = schema;
	}

	/**
	 * Checks, and sends once. `send` gets the values; what it throws is shown. `places` says which field something belongs
	 * to that does not name it: a code of the whole request, say `email_taken`, or a pointer, say `/email`.
	 * @returns whether it was sent and accepted
	 */
	async submit(
		form: HTMLFormElement,
		send: (values: Values) => Promise<void>,
		places: Partial<Record<string, keyof Values & string>> = {}
	): Promise<boolean> {
		if (this.busy) return false;
		this.failure = null;
		this.faults = this.#check();
		if (Object.keys(this.faults).length > 0) {
			await this.#point(form);
			return false;
		}
		this.busy = true;
		try {
			await send({ ...this.values });
			return true;
		} catch (error) {
			this.#take(error, places);
		} finally {
			this.busy = false;
		}
		await this.#point(form);
		return false;
	}

	#check(): typeof this.faults {
		const result = safeParse(this.#schema, this.values);
		const faults: Record<string, string> = {};
		for (const issue of result.issues ?? []) {
			const field = String(issue.path?.[0]?.key ?? '');
			faults[field] ??= faultText(page.data.copy, field, issue.message);
		}
		return faults as typeof this.faults;
	}

	#take(error: unknown, places: Partial<Record<string, keyof Values & string>>) {
		const copy = page.data.copy;
		const place = error instanceof Problem ? places[error.code] : undefined;
		if (error instanceof Problem && place) {
			this.faults = { [place]: faultText(copy, place, error.code) } as typeof this.faults;
			return;
		}
		const faults: Record<string, string> = {};
		if (error instanceof Problem) {
			for (const { pointer, code, detail } of error.errors) {
				const name = pointer.slice(1);
				const field = places[pointer] ?? name;
				if (field in this.values) faults[field] ??= faultText(copy, name, code, detail);
			}
		}
		this.faults = faults as typeof this.faults;
		// A fault of what the form has no field for is shown too, rather than nothing at all.
		if (Object.keys(faults).length === 0) this.failure = failureOf(error, copy);
	}

	async #point(form: HTMLFormElement) {
		const count = Object.keys(this.faults).length;
		this.announcement = count > 0 ? page.data.copy.faultCount(count) : '';
		await tick();
		form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
	}
}
