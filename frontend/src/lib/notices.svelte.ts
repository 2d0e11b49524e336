/** What has just happened, said in a corner and to screen readers. Errors of fields and forms are not: they stay where they belong. */
export interface Notice {
	id: number;
	kind: 'good' | 'bad';
	text: string;
}

const stay = 6000;
let last = 0;
export const notices = $state<Notice[]>([]);

export function notify(kind: Notice['kind'], text: string) {
	const id = ++last;
	notices.push({ id, kind, text });
	// A failure stays until it is dismissed: nobody should have to read it in time.
	if (kind === 'good') setTimeout(() => dismiss(id), stay);
}

export function dismiss(id: number) {
	const index = notices.findIndex((notice) => notice.id === id);
	if (index >= 0) notices.splice(index, 1);
}
