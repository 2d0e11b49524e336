/** A first opinion on a new password, while it is typed. The service has the last word, with a better estimator. */
export interface Strength {
	/** From 0, nothing, to 4, good. */
	score: 0 | 1 | 2 | 3 | 4;
	reason: 'empty' | 'short' | 'repetitive' | 'own_words' | 'good';
	/** Characters that are missing to the length that the service asks for by default. */
	missing: number;
}

/** The service's default minimum (docs/API.md), in code points. A deployment may ask for less, so it forbids nothing here. */
const enough = 15;

export function strengthOf(password: string, own: string[]): Strength {
	const characters = Array.from(password.normalize('NFC'));
	const missing = Math.max(0, enough - characters.length);
	if (characters.length === 0) return { score: 0, reason: 'empty', missing };
	if (new Set(characters).size * 3 < Math.min(characters.length, enough))
		return { score: 1, reason: 'repetitive', missing };
	if (Array.from(without(password, own)).length * 2 < characters.length)
		return { score: 1, reason: 'own_words', missing };
	if (missing > 0) return { score: characters.length < 10 ? 1 : 2, reason: 'short', missing };
	return { score: characters.length < 20 ? 3 : 4, reason: 'good', missing };
}

/** The password less the words that a guesser would try first. */
function without(password: string, own: string[]): string {
	const words = own
		.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)])
		.map((word) => word.toLowerCase())
		.filter((word) => word.length > 2)
		.sort((a, b) => b.length - a.length);
	return words.reduce((rest, word) => rest.replaceAll(word, ''), password.toLowerCase());
}
