export default {
	name: 'Vestibule',
	skip: 'Skip to the content',
	nav: {
		main: 'Main',
		account: 'Account',
		login: 'Sign in',
		register: 'Create account',
		profile: 'Profile',
		sessions: 'Devices',
		password: 'Password',
		logout: 'Sign out',
		logoutFailed:
			'The service could not be told yet. The next page that is opened here tells it; until then somebody at this computer could go on with the session.',
		theme: 'Theme',
		light: 'Light',
		dark: 'Dark',
		system: 'As the system',
		language: 'Language'
	},
	home: {
		title: 'Your account, in your own house',
		lead: 'Sign in, look after your profile, and see where you are signed in. Nothing here is shared with anybody else.',
		safe: {
			title: 'Safe by default',
			text: 'Passwords are hashed with Argon2id. Sessions end when they are copied.'
		},
		yours: { title: 'In your hands', text: 'See every device that is signed in, and sign it out at once.' },
		quiet: {
			title: 'No third parties',
			text: 'This page asks nobody but its own server. There is nothing to consent to.'
		}
	},
	login: {
		title: 'Sign in',
		description: 'Sign in with your e-mail address or your username.',
		identifier: 'E-mail address or username',
		password: 'Password',
		submit: 'Sign in',
		noAccount: 'No account yet?'
	},
	register: {
		title: 'Create an account',
		description: 'An e-mail address, a username and a password are all it takes.',
		email: 'E-mail address',
		username: 'Username',
		usernameHint: '3 to 32 letters or digits; dots, dashes and underscores between them.',
		password: 'Password',
		repeat: 'The same password again',
		submit: 'Create account',
		haveAccount: 'Have an account?',
		done: 'Your account is there. Please sign in.'
	},
	strength: {
		empty: () => '15 characters or more. A few unrelated words are good.',
		short: (missing: number) => (missing === 1 ? 'One more character.' : `${missing} more characters.`),
		repetitive: () => 'The same few characters over and over are easily guessed.',
		own_words: () => 'Your own name or address is what a guesser tries first.',
		good: () => 'Long enough.'
	},
	/** The service's reasons against a password, by its own words (shared/auth/src/strength.rs). */
	reasons: (detail: string): string | undefined => detail || undefined,
	profile: {
		title: 'Profile',
		description: 'See and change what your account says about you.',
		email: 'E-mail address',
		username: 'Username',
		fullName: 'Full name',
		birthDate: 'Birth date',
		bio: 'About you',
		bioHint: 'At most 1,000 characters.',
		none: 'Not given',
		edit: 'Edit',
		editOne: (label: string) => `Edit: ${label}`,
		saved: (label: string) => `Saved: ${label}`,
		changedElsewhere: (value: string) =>
			`This was changed elsewhere meanwhile. It is now: ${value}. Save again to replace that.`,
		since: 'With us since'
	},
	sessions: {
		title: 'Devices',
		lead: 'Where you are signed in. End what you do not know, then change your password.',
		current: 'This device',
		unknown: 'Unknown device',
		lastUsed: 'Last used',
		since: 'signed in',
		network: 'network',
		end: 'Sign out',
		endOne: (name: string) => `Sign out: ${name}`,
		ended: 'That device is signed out.',
		endOthers: 'Sign out all others',
		endOthersText: 'Every device but this one has to sign in again.',
		othersEnded: 'All other devices are signed out.',
		endAll: 'Sign out everywhere',
		endAllText: 'Every device has to sign in again, this one included.',
		allEnded: 'You are signed out everywhere.'
	},
	password: {
		title: 'Change your password',
		lead: 'All other devices will be signed out.',
		current: 'Current password',
		next: 'New password',
		submit: 'Change password',
		done: 'Your password is changed. All other devices are signed out.'
	},
	noscript: 'This needs JavaScript: the page talks to the account service from your browser.',
	loading: 'Loading',
	retry: 'Try again',
	retryIn: (seconds: number) => `Try again in ${seconds} s`,
	close: 'Close',
	cancel: 'Cancel',
	save: 'Save',
	optional: 'optional',
	show: 'Show password',
	hide: 'Hide password',
	/** Announced when a form comes back with faults. */
	faultCount: (n: number) =>
		n === 1 ? 'One field needs your attention.' : `${n} fields need your attention.`,
	/** What can be wrong with a field, by the API's codes (docs/API.md) and the forms' own. */
	faults: {
		required: 'Please fill this in.',
		malformed_email: 'This is not an e-mail address.',
		malformed_username: 'Letters and digits only, with single dots, dashes or underscores between them.',
		malformed_birth_date: 'A date is needed, in 1900 or later.',
		malformed: 'This is not in the right form.',
		too_short_username: 'A username has at least 3 characters.',
		too_short_password: 'This is too short.',
		too_short: 'This is too short.',
		too_long: 'This is too long.',
		too_weak: 'This is easily guessed. Add a word or two.',
		breached: 'This password is known from a data breach. Choose another one.',
		control_character: 'There are characters in this that cannot be used here.',
		blank: 'Write something, or leave it empty.',
		in_the_future: 'A birth date is not in the future.',
		unchanged: 'This is the current password.',
		email_taken: 'This address has an account. Sign in instead?',
		username_taken: 'This username is taken.',
		mismatch: 'The two passwords are not the same.',
		invalid_credentials: 'This is not your current password.',
		other: 'This was not accepted.'
	},
	/** What can be wrong with a whole request. */
	failures: {
		invalid_credentials: 'No account has this name and password.',
		too_many_requests: 'Too many tries. Please wait.',
		unavailable: 'The service cannot answer just now. Nothing is lost.',
		unreachable: 'The service cannot be reached. Check the connection.',
		notLoaded:
			'A part of this page could not be loaded. Check the connection and try again; if that does not help, load the page anew.',
		offline: 'You are offline.',
		forbidden: 'This page is not one that the service takes sign-ins from.',
		conflict: 'This was changed at the same time. Please try again.',
		precondition_failed: 'This was changed elsewhere meanwhile. Look at the new value, then save again.',
		signed_out: 'Your session is over. Please sign in again.',
		internal: 'Something went wrong on our side.',
		reference: (id: string) => `Reference: ${id}`
	},
	errors: {
		notFound: { title: 'There is nothing here', text: 'The address may be mistyped, or the page has moved.' },
		broken: { title: 'This page broke', text: 'It is our fault. Loading it again may help.' },
		home: 'Go to the home page'
	}
};
