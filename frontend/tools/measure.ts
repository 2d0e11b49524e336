/**
 * What the pages cost a visitor: JavaScript of the first load, largest contentful paint on a slow phone, and the four
 * categories of Lighthouse. `npm run measure` prints it; `-- --json FILE` writes it for `bench frontend`, too. Ends
 * with 1 if a bar is missed.
 */
import { chromium, type Browser, type BrowserContext, type CDPSession } from '@playwright/test';
import lighthouse from 'lighthouse';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import config, { port } from '../playwright.config.ts';
import { newAccount, signIn } from '../tests/service.ts';

/** As `Figure` of bench/src/results.rs. */
interface Figure {
	name: string;
	value: string;
	bar?: string;
	held?: boolean;
}

const maxScript = 45 * 1024;
const maxPaint = 1000;
const minScore = 95;
const rounds = 5;
const phone = { viewport: { width: 412, height: 823 }, deviceScaleFactor: 1.75 };
const bytesPerSecond = 1_600_000 / 8;
const network = {
	offline: false,
	latency: 150,
	downloadThroughput: bytesPerSecond,
	uploadThroughput: bytesPerSecond
};
const slowdown = 4;

const method =
	'The build of the pages, served as `make run` serves it, in Chromium. JavaScript: bodies of all scripts that the ' +
	'first load fetches, as they were transferred with gzip. *LCP*: largest contentful paint on a screen of ' +
	`${phone.viewport.width} × ${phone.viewport.height} with nothing in the cache, ${network.latency} ms of latency ` +
	`and 1.6 Mbit/s by CDP, the CPU slowed ${slowdown} ×; median of ${rounds}. *Lighthouse*: performance / ` +
	'accessibility / best practices / SEO, as for a phone. It does not judge an answer of 404, so that page has no score.';

const pages = { home: '/', login: '/login', register: '/register' };
const german = { 'home, German': '/de', 'login, German': '/de/login', 'register, German': '/de/register' };
const site = `http://127.0.0.1:${port}`;

async function measure(browser: Browser, debuggingPort: number): Promise<Figure[]> {
	const figures: Figure[] = [];
	// The language file is part of it. German, the longer one, is for comparison.
	for (const [name, path] of Object.entries({ ...pages, 'login, German': german['login, German'] })) {
		const bytes = await onePage(browser, (context) => scriptBytes(context, path));
		const bar = name === 'login' && { bar: '≤ 45 KiB', held: bytes <= maxScript };
		figures.push({ name: `${name}: JavaScript`, value: `${(bytes / 1024).toFixed(1)} KiB`, ...bar });
	}
	for (const [name, path] of Object.entries(pages)) {
		const times = await repeated(() => onePage(browser, (context) => largestPaint(context, path)));
		figures.push({
			name: `${name}: LCP`,
			value: shown(times),
			bar: '≤ 1 s',
			held: median(times) <= maxPaint
		});
	}
	const times = await onePage(browser, async (context) => {
		const page = await context.newPage();
		await signIn(page, await newAccount(site));
		await page.close();
		return repeated(() => largestPaint(context, '/account/profile'));
	});
	figures.push({ name: 'profile, signed in: LCP', value: shown(times) });
	for (const [name, path] of Object.entries({ ...pages, ...german })) {
		const scores = await lighthouseScores(path, debuggingPort).catch((error: unknown) => {
			// A run may lose its browser, or its page, on a busy machine; two in a row are no chance.
			process.stderr.write(`${String(error)}; once more\n`);
			return lighthouseScores(path, debuggingPort);
		});
		const held = scores.length === 4 && scores.every((score) => score >= minScore);
		figures.push({ name: `${name}: Lighthouse`, value: scores.join(' / '), bar: '≥ 95', held });
	}
	return figures;
}

/** With a context, and so a cache, of its own. */
async function onePage<T>(browser: Browser, task: (context: BrowserContext) => Promise<T>): Promise<T> {
	const context = await browser.newContext({ ...phone, baseURL: site, locale: 'en-GB' });
	try {
		return await task(context);
	} finally {
		await context.close();
	}
}

async function scriptBytes(context: BrowserContext, path: string): Promise<number> {
	// The local server would answer in Brotli; the budget is in gzip.
	await context.setExtraHTTPHeaders({ 'accept-encoding': 'gzip' });
	const page = await context.newPage();
	const session = await context.newCDPSession(page);
	const scripts = new Set<string>();
	let bytes = 0;
	session.on('Network.responseReceived', ({ requestId, response }) => {
		if (response.mimeType !== 'text/javascript') return;
		const encoding = response.headers['content-encoding'];
		if (encoding !== 'gzip') throw new Error(`${response.url}: the encoding is ${encoding ?? 'none'}`);
		scripts.add(requestId);
	});
	session.on('Network.dataReceived', ({ requestId, encodedDataLength }) => {
		if (scripts.has(requestId)) bytes += encodedDataLength;
	});
	await session.send('Network.enable');
	await page.goto(path, { waitUntil: 'networkidle' });
	if (bytes === 0) throw new Error(`${path}: no script was seen`);
	return bytes;
}

/** In milliseconds from the beginning of the navigation. */
async function largestPaint(context: BrowserContext, path: string): Promise<number> {
	const page = await context.newPage();
	const session: CDPSession = await context.newCDPSession(page);
	await session.send('Network.enable');
	await session.send('Network.clearBrowserCache');
	await session.send('Network.emulateNetworkConditions', network);
	await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
	await page.goto(path, { waitUntil: 'networkidle' });
	if (new URL(page.url()).pathname !== path)
		throw new Error(`${path} led to ${new URL(page.url()).pathname}`);
	const time = await page.evaluate(
		() =>
			new Promise<number>((resolve) => {
				new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime ?? NaN)).observe({
					type: 'largest-contentful-paint',
					buffered: true
				});
			})
	);
	await page.close();
	return time;
}

async function lighthouseScores(path: string, debuggingPort: number): Promise<number[]> {
	const categories = ['performance', 'accessibility', 'best-practices', 'seo'];
	const result = await lighthouse(site + path, {
		port: debuggingPort,
		logLevel: 'error',
		onlyCategories: categories
	});
	if (!result || result.lhr.runtimeError) {
		throw new Error(`Lighthouse on ${path}: ${result?.lhr.runtimeError?.message ?? 'no result'}`);
	}
	const { lhr } = result;
	// What the points were lost for, or a low score says nothing.
	for (const category of Object.values(lhr.categories)) {
		for (const { id, weight } of category.auditRefs) {
			const audit = lhr.audits[id];
			if (weight > 0 && audit?.score != null && audit.score < 0.9) {
				process.stderr.write(`${path}: ${category.id}: ${id}: ${audit.displayValue ?? audit.title}\n`);
			}
		}
	}
	return categories.map((id) => Math.round((lhr.categories[id]?.score ?? 0) * 100));
}

async function repeated(once: () => Promise<number>): Promise<number[]> {
	const times = [];
	for (let round = 0; round < rounds; round++) times.push(await once());
	return times.sort((a, b) => a - b);
}

function median(sorted: number[]): number {
	return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function shown(sorted: number[]): string {
	const seconds = (time = NaN) => (time / 1000).toFixed(2);
	return `${seconds(median(sorted))} s (${seconds(sorted[0])} to ${seconds(sorted.at(-1))})`;
}

/** Lighthouse attaches to the browser by a port. */
async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, 'close');
	return port;
}

async function serviceIsUp(alive: () => boolean): Promise<void> {
	for (const end = Date.now() + 20_000; alive() && Date.now() < end;) {
		const answer = await fetch(`${site}/health`).catch(() => null);
		if (answer?.ok) return;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	throw new Error('the service did not start');
}

const { json } = parseArgs({ options: { json: { type: 'string' } } }).values;
const service = spawn('tests/serve.sh', {
	env: { ...process.env, PORT: String(port) },
	stdio: ['ignore', 'ignore', 'inherit']
});
const gone = once(service, 'exit');
try {
	await serviceIsUp(() => service.exitCode === null);
	const debuggingPort = await freePort();
	const options = config.use?.launchOptions;
	const browser = await chromium.launch({
		...options,
		args: [...(options?.args ?? []), `--remote-debugging-port=${debuggingPort}`]
	});
	try {
		const figures = await measure(browser, debuggingPort);
		for (const { name, value, bar, held } of figures) {
			const verdict = bar === undefined ? '' : `   ${bar}: ${held ? 'held' : 'MISSED'}`;
			process.stdout.write(`${name.padEnd(28)} ${value}${verdict}\n`);
		}
		if (json !== undefined) await writeFile(json, JSON.stringify({ method, figures }));
		if (figures.some(({ held }) => held === false)) process.exitCode = 1;
	} finally {
		await browser.close();
	}
} finally {
	service.kill('SIGTERM');
	await gone;
}
