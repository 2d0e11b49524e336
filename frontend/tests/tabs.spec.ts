import { apiCalls, expect, signIn, test } from './service.ts';

// A project of its own, after the others: it says something of time, so nothing else may take the processor.
test('four tabs that load at once make one refresh among them, ten times out of ten', async ({
	page,
	context,
	account
}) => {
	test.setTimeout(120_000);
	await signIn(page, account);
	await page.close();
	const calls = apiCalls(context);
	for (let run = 1; run <= 10; run++) {
		calls.length = 0;
		const tabs = await Promise.all([1, 2, 3, 4].map(() => context.newPage()));
		await Promise.all(tabs.map((tab) => tab.goto('/account/profile')));
		await Promise.all(
			tabs.map((tab) => expect(tab.getByText(account.email)).toBeVisible({ timeout: 20_000 }))
		);
		expect([...calls].sort(), `run ${run}`).toEqual([
			...Array<string>(4).fill('GET /auth/profile'),
			'POST /auth/refresh'
		]);
		await Promise.all(tabs.map((tab) => tab.close()));
	}
});
