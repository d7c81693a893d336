import { Readable } from 'node:stream';
import { ValetKeyError, type TokenProxyAbility, type ProxyResponse, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import type { Credential } from '../../kit/credentials.ts';
import type { Door } from '../../kit/door/door.ts';
import { readBody } from '../../kit/door/read-body.ts';
import { refusalError, type StatusMeaning } from '../../kit/door/refusal.ts';
import { tryReadJson } from '../../kit/door/response.ts';
import type { StreamedResponse } from '../../kit/door/stream.ts';
import { forwardCall, toProxyResponse, type ForwardLimits } from '../../kit/forward-call.ts';
import { passResponseHeaders } from '../../kit/proxy-headers.ts';

const applicationErrorSchema = z.object({ error: z.object({ code: z.string() }) });

/** The errors of the API, of the gateway in front of it, and of the identity provider (RFC 6749 section 5.2). */
export const errorSchema = z.union([
  applicationErrorSchema,
  z.object({ message: z.string() }),
  z.object({ error: z.string() }),
]);

/** The gateway's 403 for a path that it does not have; a 403 with any other body is about the API key. */
const unknownRouteSchema = z.object({ message: z.literal('Missing Authentication Token') });

const unknownRoute: StatusMeaning = {
  code: 'vendor_rejected',
  detail: 'Nymbl has no such path.',
  reason: 'gateway_route',
};

const refusedKey: StatusMeaning = {
  code: 'vendor_auth_failed',
  detail: 'Nymbl refused the configured API key.',
  advice: 'Check `apiKey`, and that it belongs to this client and environment.',
};

/** Creates the function that forwards a call. The caller of the function has checked the call against `allow`. */
export function createForward(
  api: Door,
  apiKey: Credential,
  options: ForwardLimits & { readonly rateLimitScope: 'connection' | 'customer' },
): TokenProxyAbility['send'] {
  const { rateLimitScope, ...limits } = options;
  return async (request, token, key) => {
    // The scope of a token names its customer.
    const rateLimitKey = rateLimitScope === 'customer' ? key?.scope : undefined;
    const operation = api.begin(request);
    let isTokenRefused = false;
    let unclear: ProxyResponse | undefined;
    const call = async (secret: Secret): Promise<ProxyResponse> => {
      const credentials = { authorization: `Bearer ${token.secret.reveal()}`, 'x-api-key': secret.reveal() };
      const response = await forwardCall(operation, request, credentials, limits, rateLimitKey);
      if (response.status === 401) {
        const refusal = await readUnauthorized(response, request.method);
        isTokenRefused ||= refusal.code === 'vendor_auth_failed';
        throw refusal;
      }
      if (response.status !== 403) return toProxyResponse(response, limits);
      if (request.method !== 'HEAD') return readForbidden(response);
      // A HEAD has no body that says whether the 403 is about the key. It is returned, unless another key can be tried.
      if (!apiKey.hasNext) return toProxyResponse(response, limits);
      response.discard();
      unclear = { status: 403, headers: passResponseHeaders(response.headers), body: Readable.from([]) };
      throw refusalError(response, { 403: refusedKey });
    };
    try {
      // A wrong key may be refused with a 401 too, so the other key is tried before `token_refused` is returned.
      return await apiKey.use(call, { repeatable: request.body === undefined || request.body instanceof Uint8Array });
    } catch (failure) {
      if (!ValetKeyError.isInstance(failure) || failure.code !== 'vendor_auth_failed') throw failure;
      // One of the two keys may be refused because it is not in use yet; the other was refused because of the token.
      if (isTokenRefused) return 'token_refused';
      if (unclear !== undefined) return unclear;
      throw failure;
    }
  };
}

/** Reads a 401. Its body tells whether it comes from Nymbl or from a firewall on the way. A HEAD has no body. */
async function readUnauthorized(response: StreamedResponse, method: string): Promise<ValetKeyError> {
  if (method !== 'HEAD') {
    return refusalError(
      response,
      {},
      await readBody(response.vendor, response.body, response.headers['content-encoding']),
    );
  }
  response.discard();
  return refusalError(response);
}

/** Reads a 403. Its body tells whether it is the API's response to the caller or the gateway's refusal of the key. */
async function readForbidden(response: StreamedResponse): Promise<ProxyResponse> {
  const { 'content-encoding': encoding, ...headers } = passResponseHeaders(response.headers);
  const body = await readBody(response.vendor, response.body, encoding);
  if (tryReadJson({ body }, applicationErrorSchema).success) {
    return { status: 403, headers: { ...headers, 'content-length': String(body.length) }, body: Readable.from([body]) };
  }
  const isUnknownRoute = tryReadJson({ body }, unknownRouteSchema).success;
  throw refusalError(response, { 403: isUnknownRoute ? unknownRoute : refusedKey }, body);
}
