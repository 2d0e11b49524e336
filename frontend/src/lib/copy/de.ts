import type { Copy } from './index.ts';

/** Every one of shared/auth/src/strength.rs; a test compares. */
const reasons: Record<string, string> = {
	'This password is easily guessed. Add a word or two.':
		'Das ist leicht zu erraten. Ein oder zwei Wörter mehr helfen.',
	'Rows of keys are easily guessed.': 'Reihen von Tasten sind leicht zu erraten.',
	'Short patterns on the keyboard are easily guessed.':
		'Kurze Muster auf der Tastatur sind leicht zu erraten.',
	'Repetitions like "aaa" are easily guessed.': 'Wiederholungen wie „aaa“ sind leicht zu erraten.',
	'Repetitions like "abcabc" are easily guessed.': 'Wiederholungen wie „abcabc“ sind leicht zu erraten.',
	'This is a common password.': 'Das ist ein häufiges Passwort.',
	'This is close to a common password.': 'Das ist einem häufigen Passwort sehr ähnlich.',
	'Sequences like "abc" or "6543" are easily guessed.':
		'Folgen wie „abc“ oder „6543“ sind leicht zu erraten.',
	'Recent years are easily guessed.': 'Jahreszahlen sind leicht zu erraten.',
	'A single word is easily guessed.': 'Ein einzelnes Wort ist leicht zu erraten.',
	'Dates are easily guessed.': 'Daten sind leicht zu erraten.',
	'Names are easily guessed.': 'Namen sind leicht zu erraten.'
};

export default {
	name: 'Vestibule',
	skip: 'Zum Inhalt springen',
	nav: {
		main: 'Hauptmenü',
		account: 'Konto',
		login: 'Anmelden',
		register: 'Konto anlegen',
		profile: 'Profil',
		sessions: 'Geräte',
		password: 'Passwort',
		logout: 'Abmelden',
		logoutFailed:
			'Der Dienst war nicht zu erreichen. Die nächste Seite, die hier geöffnet wird, holt es nach; bis dahin könnte jemand an diesem Rechner die Sitzung fortsetzen.',
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
	login: {
		title: 'Anmelden',
		description: 'Melden Sie sich mit E-Mail-Adresse oder Benutzername an.',
		identifier: 'E-Mail-Adresse oder Benutzername',
		password: 'Passwort',
		submit: 'Anmelden',
		noAccount: 'Noch kein Konto?'
	},
	register: {
		title: 'Konto anlegen',
		description: 'Eine E-Mail-Adresse, ein Benutzername und ein Passwort genügen.',
		email: 'E-Mail-Adresse',
		username: 'Benutzername',
		usernameHint: '3 bis 32 Buchstaben oder Ziffern, dazwischen Punkte, Binde- und Unterstriche.',
		password: 'Passwort',
		repeat: 'Dasselbe Passwort noch einmal',
		submit: 'Konto anlegen',
		haveAccount: 'Schon ein Konto?',
		done: 'Ihr Konto ist angelegt. Bitte anmelden.'
	},
	strength: {
		empty: () => '15 Zeichen oder mehr. Einige Wörter ohne Zusammenhang sind gut.',
		short: (missing: number) => (missing === 1 ? 'Noch ein Zeichen.' : `Noch ${missing} Zeichen.`),
		repetitive: () => 'Immer dieselben wenigen Zeichen sind leicht zu erraten.',
		own_words: () => 'Mit dem eigenen Namen oder der Adresse beginnt, wer rät.',
		good: () => 'Lang genug.'
	},
	reasons: (detail: string): string | undefined => reasons[detail],
	profile: {
		title: 'Profil',
		description: 'Was Ihr Konto über Sie sagt, zum Ansehen und Ändern.',
		email: 'E-Mail-Adresse',
		username: 'Benutzername',
		fullName: 'Voller Name',
		birthDate: 'Geburtsdatum',
		bio: 'Über Sie',
		bioHint: 'Höchstens 1.000 Zeichen.',
		none: 'Nicht angegeben',
		edit: 'Ändern',
		editOne: (label: string) => `Ändern: ${label}`,
		saved: (label: string) => `Gespeichert: ${label}`,
		changedElsewhere: (value: string) =>
			`Das wurde inzwischen anderswo geändert. Es lautet jetzt: ${value}. Noch einmal speichern ersetzt das.`,
		since: 'Dabei seit'
	},
	sessions: {
		title: 'Geräte',
		lead: 'Wo Sie angemeldet sind. Beenden Sie, was Sie nicht kennen, und ändern Sie dann Ihr Passwort.',
		current: 'Dieses Gerät',
		unknown: 'Unbekanntes Gerät',
		lastUsed: 'Zuletzt benutzt',
		since: 'angemeldet',
		network: 'Netz',
		end: 'Abmelden',
		endOne: (name: string) => `Abmelden: ${name}`,
		ended: 'Das Gerät ist abgemeldet.',
		endOthers: 'Alle anderen abmelden',
		endOthersText: 'Jedes Gerät außer diesem muss sich neu anmelden.',
		othersEnded: 'Alle anderen Geräte sind abgemeldet.',
		endAll: 'Überall abmelden',
		endAllText: 'Jedes Gerät muss sich neu anmelden, auch dieses.',
		allEnded: 'Sie sind überall abgemeldet.'
	},
	password: {
		title: 'Passwort ändern',
		lead: 'Alle anderen Geräte werden abgemeldet.',
		current: 'Jetziges Passwort',
		next: 'Neues Passwort',
		submit: 'Passwort ändern',
		done: 'Ihr Passwort ist geändert. Alle anderen Geräte sind abgemeldet.'
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
		invalid_credentials: 'Das ist nicht Ihr jetziges Passwort.',
		other: 'Das wurde nicht angenommen.'
	},
	failures: {
		invalid_credentials: 'Zu diesem Namen und Passwort gibt es kein Konto.',
		too_many_requests: 'Zu viele Versuche. Bitte warten.',
		unavailable: 'Der Dienst kann gerade nicht antworten. Es ist nichts verloren.',
		unreachable: 'Der Dienst ist nicht zu erreichen. Bitte die Verbindung prüfen.',
		notLoaded:
			'Ein Teil dieser Seite konnte nicht geladen werden. Prüfen Sie die Verbindung und versuchen Sie es noch einmal; hilft das nicht, laden Sie die Seite neu.',
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
