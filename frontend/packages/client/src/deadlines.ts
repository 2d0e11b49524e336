import type { Environment } from './environment.ts';

/** Deadlines, which pass all at once when the client is closed. */
export class Deadlines {
	readonly #environment: Environment;
	readonly #passing = new Set<() => void>();

	constructor(environment: Environment) {
		this.#environment = environment;
	}

	/** Calls `passed` after `ms`, unless what this returns is called before. */
	set(ms: number, passed: () => void): () => void {
		const stop = () => {
			this.#environment.clearTimeout(timer as never);
			this.#passing.delete(pass);
		};
		const pass = () => {
			stop();
			passed();
		};
		const timer = this.#environment.setTimeout(pass, ms);
		this.#passing.add(pass);
		return stop;
	}

	passAll() {
		for (const pass of this.#passing) pass();
	}
}
