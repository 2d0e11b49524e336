import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
		environment: 'node'
	}
});
