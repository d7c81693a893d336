import { describeNetworkFailure, readBytes } from './network.ts';

/** A request of the client of AWS. */
interface AwsRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

/** A call of the client of AWS had no response. The message has the code of the failure and what to do. */
export class EgressFailure extends Error {}

/** The most bytes of a response. A secret has at most 65,536. */
const maxBytes = 1_024 * 1_024;

/** These headers follow from the URL and the body. */
const ownHeaders = new Set(['host', 'content-length']);

/** Returns what the client of AWS sends its requests with, so that they leave through the egress. */
export function createAwsRequestHandler(fetch: typeof globalThis.fetch) {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: AwsRequest, { abortSignal }: { readonly abortSignal?: AbortSignal } = {}) {
      const headers = Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name.toLowerCase()));
      try {
        const response = await fetch(urlOf(request), {
          method: request.method,
          headers,
          body: (request.body as string | undefined) ?? null,
          redirect: 'manual',
          signal: abortSignal ?? null,
        });
        const body = await readBytes(response, maxBytes);
        return { response: { statusCode: response.status, headers: Object.fromEntries(response.headers), body } };
      } catch (error) {
        if (abortSignal?.aborted === true) throw error;
        throw new EgressFailure(describeNetworkFailure(error));
      }
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => undefined,
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: AwsRequest): string {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values ?? ''].flat()) url.searchParams.append(name, value);
  }
  return url.href;
}
