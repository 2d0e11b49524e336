/**
 * After `vite build`: moves every inline script of the pages, minified, into a file of its own, named by its hash, so
 * that one constant `script-src 'self'` admits all pages and nothing else; then compresses what a CDN would. Fails where
 * the distribution would not serve a page, or its policy not what is in it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { minifySync } from 'vite';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { cdnFile } from './cdn.ts';

const build = new URL('../build/', import.meta.url).pathname;
const immutable = '_app/immutable';

const files = (await readdir(build, { recursive: true, withFileTypes: true }))
	.filter((entry) => entry.isFile())
	.map((entry) => join(entry.parentPath, entry.name));

await mkdir(join(build, immutable), { recursive: true });
const moved = new Set<string>();
for (const file of files.filter((file) => file.endsWith('.html'))) {
	// A page that the distribution doesn't know would be there locally alone.
	const path = '/' + relative(build, file).replace(/(^|\/)index\.html$|\.html$/, '');
	if (path !== '/404' && cdnFile(path) !== '/' + relative(build, file))
		throw new Error(`${path}: PageAddresses in template.yaml makes ${cdnFile(path)} of it`);
	let html = await readFile(file, 'utf8');
	const inline = [...html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)].filter(
		([, attributes]) => !/\ssrc=/.test(attributes ?? '')
	);
	for (const [whole, attributes = '', text = ''] of inline) {
		if (attributes.trim() !== '') throw new Error(`${file}: an inline script with attributes:${attributes}`);
		const { code, errors } = minifySync('boot.js', text, { module: false });
		if (errors[0]) throw new Error(`${file}: ${errors[0].message}`);
		const name = `boot.${createHash('sha256').update(code).digest('base64url').slice(0, 10)}.js`;
		await writeFile(join(build, immutable, name), code);
		moved.add(join(build, immutable, name));
		html = html.replace(whole, () => `<script src="/${immutable}/${name}"></script>`);
	}
	// What the policy would silently drop fails here instead.
	const forbidden = /\sstyle="|<style|<meta http-equiv|\son[a-z]+="/.exec(html);
	if (forbidden) throw new Error(`${file}: the Content-Security-Policy forbids ${forbidden[0].trim()}`);
	await writeFile(file, html);
}

const compressible = new Set(['.html', '.js', '.css', '.svg', '.json', '.txt', '.webmanifest']);
for (const file of new Set([...files, ...moved])) {
	if (!compressible.has(extname(file))) continue;
	const bytes = await readFile(file);
	await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
	await writeFile(
		`${file}.br`,
		brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })
	);
}
