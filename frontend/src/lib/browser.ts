/** What a `User-Agent` says of itself, in words for a list of devices: "Firefox, Linux". Anybody can claim anything there. */
export function clientName(userAgent: string | null): string | null {
	if (!userAgent) return null;
	const first = (rules: [RegExp, string][]) => rules.find(([pattern]) => pattern.test(userAgent))?.[1];
	// Order matters: every browser claims to be those that were before it.
	const browser = first([
		[/\bEdgA?\/|\bEdgiOS\//, 'Edge'],
		[/\bOPR\/|\bOPT\//, 'Opera'],
		[/\bSamsungBrowser\//, 'Samsung Internet'],
		[/\bFirefox\/|\bFxiOS\//, 'Firefox'],
		[/\bChrome\/|\bCriOS\/|\bHeadlessChrome\//, 'Chrome'],
		[/\bSafari\//, 'Safari'],
		[/^curl\//, 'curl']
	]);
	const system = first([
		[/\bAndroid\b/, 'Android'],
		[/\biPhone\b|\biPod\b/, 'iPhone'],
		[/\biPad\b/, 'iPad'],
		[/\bWindows\b/, 'Windows'],
		[/\bMac OS X\b|\bMacintosh\b/, 'Mac'],
		[/\bCrOS\b/, 'ChromeOS'],
		[/\bLinux\b/, 'Linux']
	]);
	const known = [browser, system].filter(Boolean);
	return known.length > 0 ? known.join(', ') : userAgent;
}
