import { Readable } from 'node:stream';
import type { ProxyRequest, ProxyResponse } from '@valetkey/core-types';
import type { Credential } from '../kit/credentials.ts';
import type { Door } from '../kit/door/door.ts';
import { readBody } from '../kit/door/read-body.ts';
import { refusalError, type StatusMeanings } from '../kit/door/refusal.ts';
import { invalidResponseError, tryReadJson, type VendorName } from '../kit/door/response.ts';
import type { StreamedResponse } from '../kit/door/stream.ts';
import { forwardCall, toProxyResponse, type ForwardLimits } from '../kit/forward-call.ts';
import { passRequestHeaders, passResponseHeaders } from '../kit/proxy-headers.ts';
import { createSlotUse, textsOf, type Secrets } from './secret-use.ts';
import type { ProxiedCalls } from './proxied-calls.ts';
import type { ProxyRecipe } from './proxy-schema.ts';
import type { SlotValue } from './signing-keys.ts';
import { compileValue } from './template.ts';

interface ForwardDependencies {
  readonly vendor: VendorName;
  readonly door: Door;
  readonly calls: ProxiedCalls;
  readonly credentials: Readonly<Record<string, Credential<SlotValue>>>;
  readonly limits: ForwardLimits;
  readonly meanings: StatusMeanings;
}

/** Compiles the function that forwards a call with the credential of the configuration in place of the app's token. */
export function compileForward({ inject, headers: passed }: ProxyRecipe['proxy'], dependencies: ForwardDependencies) {
  const { door, calls, credentials, limits } = dependencies;
  const injectedOf = compileValue(inject);
  const useSlots = createSlotUse(credentials);
  return async (request: ProxyRequest): Promise<ProxyResponse> => {
    const checked = await calls.check(request);
    const operation = door.begin(request);
    const repeatable = checked.body === undefined || checked.body instanceof Uint8Array;
    return useSlots(
      async (secrets) => {
        const injected = injectedOf({ secrets: textsOf(secrets) }) as Record<string, string>;
        const headers = { ...pick(passRequestHeaders(checked.headers, passed), passed), ...injected };
        const response = await forwardCall(operation, checked, headers, limits);
        return readResponse(response, { ...dependencies, hidden: listHidden(secrets, injected) });
      },
      { repeatable },
    );
  };
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

/** Returns the texts that no app may receive. */
function listHidden(secrets: Secrets, injected: Readonly<Record<string, string>>): readonly string[] {
  return [...Object.values(secrets).flatMap(({ text }) => text ?? []), ...Object.values(injected)];
}

interface ReadOptions extends Pick<ForwardDependencies, 'limits' | 'meanings'> {
  readonly hidden: readonly string[];
}

/**
 * Returns the response as the app may receive it. A 401 or 403 is about the broker's own credential. An error is read whole: it
 * may be about the credential as well, and may quote it.
 */
async function readResponse(
  response: StreamedResponse,
  { limits, meanings, hidden }: ReadOptions,
): Promise<ProxyResponse> {
  const { vendor, status } = response;
  const refuseQuote = (texts: readonly string[]): void => {
    if (texts.some((text) => hidden.some((secret) => text.includes(secret)))) {
      throw invalidResponseError(vendor, 'quotes_credential');
    }
  };
  const headers = passResponseHeaders(response.headers, response.source);
  if (status < 400) {
    const quoting = Object.values(headers);
    if (quoting.some((text) => hidden.some((secret) => text.includes(secret)))) response.discard();
    refuseQuote(quoting);
    return toProxyResponse(response, limits);
  }
  const body = await readBody(vendor, response.body, response.headers['content-encoding']);
  const known = [meanings[status] ?? []].flat();
  const isKnown = known.some(({ body: schema }) => schema === undefined || tryReadJson({ body }, schema).success);
  if (status === 401 || status === 403 || isKnown) throw refusalError(response, meanings, body);
  refuseQuote([...Object.values(headers), body.toString()]);
  const { 'content-encoding': _, ...others } = headers;
  return { status, headers: { ...others, 'content-length': String(body.length) }, body: Readable.from([body]) };
}
