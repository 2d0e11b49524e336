import type { Lang } from './lang.ts';

const units: [Intl.RelativeTimeFormatUnit, number][] = [
	['day', 86_400],
	['hour', 3_600],
	['minute', 60]
];

/** "3 hours ago", from the time of an RFC 3339 text. A clock that is off makes no "in 2 minutes" of what has happened. */
export function ago(time: string, now: number, lang: Lang): string {
	const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
	const format = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
	const [unit, size] = units.find(([, size]) => seconds >= size) ?? ['second', 1];
	return unit === 'second' ? format.format(0, 'second') : format.format(-Math.floor(seconds / size), unit);
}

/** Date and time, in the reader's zone. */
export function moment(time: string, lang: Lang): string {
	return new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time));
}

/** A day of the calendar, `YYYY-MM-DD`. It is the same day in every zone. */
export function day(date: string, lang: Lang): string {
	return new Intl.DateTimeFormat(lang, { dateStyle: 'long', timeZone: 'UTC' }).format(
		new Date(`${date}T00:00:00Z`)
	);
}
