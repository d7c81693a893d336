import { Readable } from 'node:stream';
import { ValetKeyError, type ProxyAbility, type ProxyResponse, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import type { Credential } from '../../kit/credentials.ts';
import type { Door } from '../../kit/door/door.ts';
import { readBody } from '../../kit/door/read-body.ts';
import { refusalError, tryReadJson, type StatusMeaning } from '../../kit/door/response.ts';
import type { StreamedResponse } from '../../kit/door/stream.ts';
import { forwardCall, toProxyResponse, type ForwardLimits } from '../../kit/forward-call.ts';
import { passResponseHeaders } from '../../kit/proxy-headers.ts';

const applicationErrorSchema = z.object({ error: z.object({ code: z.string() }) });

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
export function createForward(api: Door, apiKey: Credential, limits: ForwardLimits): ProxyAbility['send'] {
  return async (request, token) => {
    const operation = api.begin(request);
    let isTokenRefused = false;
    let unclear: ProxyResponse | undefined;
    const call = async (key: Secret): Promise<ProxyResponse> => {
      const credentials = { authorization: `Bearer ${token.secret.reveal()}`, 'x-api-key': key.reveal() };
      const response = await forwardCall(operation, request, credentials, limits);
      if (response.status === 401) {
        response.discard();
        isTokenRefused = true;
        throw refusalError(response);
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

/** Reads a 403. Its body tells whether it is the API's response to the caller or the gateway's refusal of the key. */
async function readForbidden(response: StreamedResponse): Promise<ProxyResponse> {
  const { 'content-encoding': encoding, ...headers } = passResponseHeaders(response.headers);
  const body = await readBody(response.vendor, response.body, encoding);
  if (tryReadJson({ body }, applicationErrorSchema).success) {
    return { status: 403, headers: { ...headers, 'content-length': String(body.length) }, body: Readable.from([body]) };
  }
  const isUnknownRoute = tryReadJson({ body }, unknownRouteSchema).success;
  throw refusalError(response, { 403: isUnknownRoute ? unknownRoute : refusedKey });
}
