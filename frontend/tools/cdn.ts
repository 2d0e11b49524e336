/** The distribution's functions, as template.yaml has them: what they make of a request, or of an answer. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';

export interface CdnRequest {
	uri: string;
	querystring: Record<string, { value: string; multiValue?: { value: string }[] }>;
	headers: Record<string, { value: string }>;
}

export interface CdnResponse {
	statusCode: number;
	statusDescription?: string;
	headers: Record<string, { value: string }>;
}

interface CdnEvent {
	request?: CdnRequest;
	response?: CdnResponse;
	viewer?: { ip: string };
}

const template = readFileSync(new URL('../../template.yaml', import.meta.url), 'utf8');

/** The handler of the resource `name`, an `AWS::CloudFront::Function`. */
export function cdnFunction(name: string): (event: CdnEvent) => CdnRequest | CdnResponse {
	const resource = template.split(`\n  ${name}:\n`)[1]?.split(/\n {2}\S/)[0];
	const code = resource?.split('      FunctionCode: |\n')[1];
	if (code === undefined) throw new Error(`template.yaml has no CloudFront function ${name}`);
	return runInNewContext(`${code}\nhandler`) as (event: CdnEvent) => CdnRequest | CdnResponse;
}

/** The file that the distribution fetches for a path, or the redirect that it answers. */
export function cdnFile(path: string, querystring: CdnRequest['querystring'] = {}): string {
	const made = cdnFunction('PageAddresses')({ request: { uri: path, querystring, headers: {} } });
	return 'uri' in made ? made.uri : `${made.statusCode} ${made.headers.location?.value}`;
}
