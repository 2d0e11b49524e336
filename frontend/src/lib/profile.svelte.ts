import { Problem, type ProfileChange, type User, type Versioned } from '@vestibule/client';
import { client } from './client.ts';
import { session } from './session.svelte.ts';

export type EditableField = 'username' | 'full_name' | 'birth_date' | 'bio';

/** The profile on the screen: ahead of the service while a change is on its way, and back where it was if that fails. */
export class Profile {
	user = $state.raw() as User;
	/** As the service had it last. */
	#known: User;
	/** What is shown ahead of that: changes on their way. */
	readonly #ahead: Partial<Pick<User, EditableField>> = {};
	#version: string;
	/** Changes go one after the other, each from the version that the one before it has made. */
	#last: Promise<unknown> = Promise.resolve();

	constructor({ user, version }: Versioned) {
		this.user = this.#known = user;
		this.#version = version;
	}

	/** Shows the value at once. Throws what the service says against it; the old value is shown again by then. */
	async save(field: EditableField, value: string | null): Promise<void> {
		const before = this.user[field];
		Object.assign(this.#ahead, { [field]: value });
		this.#show();
		const sent = this.#last.then(() => this.#send(field, value, before));
		this.#last = sent.catch(() => {});
		try {
			await sent;
		} finally {
			Reflect.deleteProperty(this.#ahead, field);
			this.#show();
		}
	}

	async #send(field: EditableField, value: string | null, before: string | null): Promise<void> {
		const change: ProfileChange = { [field]: value };
		try {
			this.#take(await client.changeProfile(change, this.#version));
		} catch (error) {
			if (!(error instanceof Problem && error.code === 'precondition_failed')) throw error;
			// Somebody else was at it, or an answer of ours was lost. Only a change of this very field is a conflict.
			const found = await client.readProfile();
			this.#take(found);
			if (found.user[field] === value) return;
			if (found.user[field] !== before) throw error;
			this.#take(await client.changeProfile(change, found.version));
		}
	}

	#take({ user, version }: Versioned) {
		this.#version = version;
		this.#known = user;
		this.#show();
	}

	#show() {
		this.user = { ...this.#known, ...this.#ahead };
		// An answer may come when nobody, or somebody else, is signed in.
		if (session.user?.id === this.user.id) session.user = this.user;
	}
}
