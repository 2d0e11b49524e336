import { defineConfig } from '@playwright/test';

/** Set by tools/frontend.sh, which finds or installs it. */
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const port = Number(process.env.TEST_PORT ?? 3999);
/** With hosts below it, as a domain has. To Chromium all of them are this machine, and as secure as over https. */
export const site = 'vestibule.localhost';

export default defineConfig({
	testDir: 'tests',
	outputDir: 'test-results',
	fullyParallel: true,
	// Two cores: a browser, and a service that hashes.
	workers: 2,
	// A test that passes at the second try has failed.
	retries: 0,
	forbidOnly: Boolean(process.env.CI),
	timeout: 30_000,
	// The machine may have other things to do.
	expect: { timeout: 15_000 },
	reporter: [['list']],
	use: {
		baseURL: `http://127.0.0.1:${port}`,
		locale: 'en-GB',
		timezoneId: 'Europe/Berlin',
		trace: 'retain-on-failure',
		launchOptions: {
			executablePath: chromium,
			args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
		}
	},
	projects: [
		{ name: 'pages', testIgnore: 'tabs.spec.ts' },
		// Whether a busy machine lets another tab answer within 50 ms is chance; three times in a row it is not.
		{ name: 'tabs', testMatch: 'tabs.spec.ts', dependencies: ['pages'], retries: 2 }
	],
	webServer: {
		command: 'tests/serve.sh',
		env: { PORT: String(port), VESTIBULE_ORIGINS: `http://auth.${site}:${port}` },
		url: `http://127.0.0.1:${port}/health`,
		reuseExistingServer: false,
		gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 }
	}
});
