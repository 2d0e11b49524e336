import type { Copy } from './index.ts';

export default {
	name: 'Vestibule',
	skip: 'Zum Inhalt springen',
	nav: {
		main: 'Hauptmenü',
		account: 'Konto',
		home: 'Startseite',
		login: 'Anmelden',
		register: 'Konto anlegen',
		profile: 'Profil',
		sessions: 'Geräte',
		password: 'Passwort',
		logout: 'Abmelden',
		logoutFailed:
			'Sie sind hier abgemeldet, aber der Dienst war nicht zu erreichen. Die Sitzung endet von selbst.',
		theme: 'Farben',
		light: 'Hell',
		dark: 'Dunkel',
		system: 'Wie das System',
		language: 'Sprache'
	},
	home: {
		title: 'Ihr Konto, im eigenen Haus',
		lead: 'Melden Sie sich an, pflegen Sie Ihr Profil und sehen Sie, wo Sie angemeldet sind. Nichts davon geht an Dritte.',
		safe: {
			title: 'Von Haus aus sicher',
			text: 'Passwörter werden mit Argon2id gehasht. Kopierte Sitzungen enden von selbst.'
		},
		yours: {
			title: 'In Ihrer Hand',
			text: 'Sie sehen jedes angemeldete Gerät und können es sofort abmelden.'
		},
		quiet: {
			title: 'Keine Dritten',
			text: 'Diese Seite fragt nur ihren eigenen Server. Es gibt nichts, dem Sie zustimmen müssten.'
		}
	},
	noscript: 'Hier ist JavaScript nötig: Die Seite spricht aus Ihrem Browser mit dem Kontodienst.',
	loading: 'Wird geladen',
	retry: 'Noch einmal versuchen',
	retryIn: (seconds: number) => `Nächster Versuch in ${seconds} s`,
	close: 'Schließen',
	cancel: 'Abbrechen',
	save: 'Speichern',
	optional: 'freiwillig',
	show: 'Passwort anzeigen',
	hide: 'Passwort verbergen',
	faultCount: (n: number) =>
		n === 1 ? 'Ein Feld braucht Ihre Aufmerksamkeit.' : `${n} Felder brauchen Ihre Aufmerksamkeit.`,
	faults: {
		required: 'Bitte ausfüllen.',
		malformed_email: 'Das ist keine E-Mail-Adresse.',
		malformed_username: 'Nur Buchstaben und Ziffern, dazwischen einzelne Punkte, Binde- oder Unterstriche.',
		malformed_birth_date: 'Hier ist ein Datum ab 1900 nötig.',
		malformed: 'Das hat nicht die richtige Form.',
		too_short_username: 'Ein Benutzername hat mindestens 3 Zeichen.',
		too_short_password: 'Das ist zu kurz.',
		too_short: 'Das ist zu kurz.',
		too_long: 'Das ist zu lang.',
		too_weak: 'Das ist leicht zu erraten. Ein oder zwei Wörter mehr helfen.',
		breached: 'Dieses Passwort ist aus einem Datenleck bekannt. Bitte ein anderes wählen.',
		control_character: 'Darin sind Zeichen, die hier nicht gehen.',
		blank: 'Bitte etwas schreiben oder leer lassen.',
		in_the_future: 'Ein Geburtsdatum liegt nicht in der Zukunft.',
		unchanged: 'Das ist das jetzige Passwort.',
		email_taken: 'Zu dieser Adresse gibt es ein Konto. Lieber anmelden?',
		username_taken: 'Dieser Benutzername ist vergeben.',
		mismatch: 'Die beiden Passwörter sind nicht gleich.',
		wrong_password: 'Das ist nicht Ihr jetziges Passwort.',
		other: 'Das wurde nicht angenommen.'
	},
	failures: {
		invalid_credentials: 'Zu diesem Namen und Passwort gibt es kein Konto.',
		too_many_requests: 'Zu viele Versuche. Bitte warten.',
		unavailable: 'Der Dienst kann gerade nicht antworten. Es ist nichts verloren.',
		unreachable: 'Der Dienst ist nicht zu erreichen. Bitte die Verbindung prüfen.',
		offline: 'Sie sind offline.',
		forbidden: 'Von dieser Seite nimmt der Dienst keine Anmeldungen an.',
		conflict: 'Das wurde gleichzeitig geändert. Bitte noch einmal versuchen.',
		precondition_failed:
			'Das wurde inzwischen anderswo geändert. Bitte den neuen Wert ansehen und noch einmal speichern.',
		signed_out: 'Ihre Sitzung ist zu Ende. Bitte wieder anmelden.',
		internal: 'Bei uns ist etwas schiefgegangen.',
		reference: (id: string) => `Kennung: ${id}`
	},
	errors: {
		notFound: {
			title: 'Hier ist nichts',
			text: 'Vielleicht ist die Adresse vertippt, oder die Seite ist umgezogen.'
		},
		broken: {
			title: 'Diese Seite ist kaputt',
			text: 'Das liegt an uns. Vielleicht hilft es, sie neu zu laden.'
		},
		home: 'Zur Startseite'
	}
} satisfies Copy;
