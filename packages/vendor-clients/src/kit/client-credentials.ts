import { systemClock, ValetKeyError, type Clock, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import type { Operation } from './door/door.ts';
import { refusalError, temporaryError } from './door/refusal.ts';
import {
  invalidResponseError,
  readJson,
  tokenSchema,
  tryReadJson,
  type VendorName,
  type VendorResponse,
} from './door/response.ts';
import { parseRetryAfter } from './door/retry-after.ts';
import { readJwtPayload } from './jwt-payload.ts';
import { readLifetimeSeconds, remainingSeconds } from './lifetime.ts';

/** A request for a client-credentials grant (RFC 6749 section 4.4.2), with the credentials in the body. */
export interface ClientCredentialsRequest {
  /** The path of the token endpoint below the door's base URL. Default: the base URL is the endpoint. */
  readonly path?: string | undefined;
  /**
   * Returns the fields that authenticate the client: `client_id` and `client_secret`, or an assertion (RFC 7523) that was
   * issued at `nowMs`. It is called for each attempt, because an assertion may be used only once.
   */
  readonly authenticate: (nowMs: number) => Readonly<Record<string, string>>;
  readonly scope?: string | undefined;
  /** What the operator should check if the vendor refuses the scope. Default: a general advice. */
  readonly scopeAdvice?: string | undefined;
  /** The encoding of the body: `form` as in the standard, or `json`. Default: `form`. */
  readonly encoding?: 'form' | 'json' | undefined;
  /** What the operator should check if the client is refused. */
  readonly advice: string;
  /** The longest lifetime that the vendor documents, in seconds. Default: a day. */
  readonly maxLifetimeSeconds?: number | undefined;
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
}

/** A granted access token (RFC 6749 section 5.1). */
export interface GrantedToken {
  readonly accessToken: Secret;
  /** Seconds until it expires, counted from receipt. Absent if the token endpoint does not say. */
  readonly expiresInSeconds?: number | undefined;
}

const grantSchema = z.object({
  access_token: tokenSchema,
  token_type: z.string().optional(),
  scope: z.string().optional().catch(undefined),
  expires_in: z.unknown().optional(),
  expires_at: z.unknown().optional(),
});

const codeByGrantError = {
  invalid_client: 'vendor_auth_failed',
  unauthorized_client: 'vendor_auth_failed',
  invalid_scope: 'vendor_rejected',
} as const;

type GrantError = keyof typeof codeByGrantError;

const grantErrorSchema = z.object({ error: z.enum(Object.keys(codeByGrantError) as GrantError[]) });

/** What temporary errors mean: two of RFC 6749 section 4.1.2.1 and one of RFC 8628, which token endpoints use for this grant too. */
const kindOfTemporaryError = {
  temporarily_unavailable: 'outage',
  server_error: 'outage',
  slow_down: 'rate limit',
} as const;

type TemporaryError = keyof typeof kindOfTemporaryError;

const temporaryErrorSchema = z.object({ error: z.enum(Object.keys(kindOfTemporaryError) as TemporaryError[]) });

/** Some token endpoints report an error with status 200. */
const errorOnlySchema = z.object({ error: z.string(), access_token: z.undefined().optional() });

const defaultScopeAdvice = 'Check the requested scope, and that this client may request it.';

const contentTypes = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Requests an access token by the client-credentials grant (RFC 6749 section 4.4). If an assertion is refused and the
 * response's `Date` differs from our clock, the request is sent once more with an assertion of that time.
 *
 * Rejects with `vendor_auth_failed` for `invalid_client` and `unauthorized_client`, and with `vendor_rejected` for
 * `invalid_scope`; each with the `oauth_error` as its cause. Rejects with `vendor_unavailable` for `temporarily_unavailable` and
 * `server_error`, with `vendor_rate_limited` for `slow_down`, and with `vendor_response_invalid` if the token is not a bearer
 * token or lacks the requested scope. The status of an error does not matter.
 *
 * @example
 * ```ts
 * const { accessToken } = await requestClientCredentialsToken(door.begin(), {
 *   path: '/oauth2/token',
 *   authenticate: () => ({ client_id: clientId, client_secret: secret.reveal() }),
 *   advice: 'Check `clientId` and `clientSecret`.',
 * });
 * ```
 */
export async function requestClientCredentialsToken(
  operation: Operation,
  request: ClientCredentialsRequest,
): Promise<GrantedToken> {
  const { clock = systemClock } = request;
  let response = await sendGrantRequest(operation, request, () => clock.nowMs());
  // A secret does not depend on the time; an assertion does.
  const skewMs = 'client_assertion' in request.authenticate(clock.nowMs()) ? skewOf(response, clock) : 0;
  if (skewMs !== 0 && !isGrant(response)) {
    response = await sendGrantRequest(operation, request, () => clock.nowMs() + skewMs);
  }
  if (!isGrant(response)) throw refusedGrantError(response, request, skewMs);
  return readGrant(response, request);
}

function isGrant(response: VendorResponse): boolean {
  return response.status === 200 && !tryReadJson(response, errorOnlySchema).success;
}

function sendGrantRequest(
  operation: Operation,
  { path = '', authenticate, scope, encoding = 'form', clock = systemClock }: ClientCredentialsRequest,
  nowMs: () => number,
): Promise<VendorResponse> {
  const encode = (): string => {
    const fields = {
      grant_type: 'client_credentials',
      ...authenticate(nowMs()),
      ...(scope !== undefined && { scope }),
    };
    return encoding === 'json' ? JSON.stringify(fields) : new URLSearchParams(fields).toString();
  };
  return operation.send({
    method: 'POST',
    path,
    headers: { 'content-type': contentTypes[encoding] },
    body: encode,
    expected: 'any',
    temporaryErrorOf(response) {
      const oauth = tryReadJson(response, temporaryErrorSchema);
      if (!oauth.success || isGrant(response)) return undefined;
      const retryAfterSeconds = parseRetryAfter(response.headers['retry-after'], clock.nowMs());
      const { error } = oauth.data;
      return temporaryError(response.vendor, response.status, kindOfTemporaryError[error], {
        retryAfterSeconds,
        reason: error,
      });
    },
    repeatable: true,
  });
}

/** A difference below this may come from the whole seconds of `Date` and from the time of the call. */
const minSkewMs = 5_000;

/** Returns by how many milliseconds the vendor's clock is ahead of ours, or 0 if the difference is small or unknown. */
function skewOf({ headers }: VendorResponse, clock: Clock): number {
  const skewMs = Date.parse(String(headers['date'])) - clock.nowMs();
  return Math.abs(skewMs) >= minSkewMs ? skewMs : 0;
}

function adviseOnClock(skewMs: number, { title }: VendorName): string {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  return `The clock of this machine is ${seconds} seconds ${skewMs > 0 ? 'behind' : 'ahead of'} ${title}'s: synchronize it. `;
}

function refusedGrantError(
  response: VendorResponse,
  { advice, scopeAdvice = defaultScopeAdvice }: ClientCredentialsRequest,
  skewMs: number,
): ValetKeyError {
  const { vendor } = response;
  const detail = `${vendor.title} did not grant an access token.`;
  const clientAdvice = (skewMs === 0 ? '' : adviseOnClock(skewMs, vendor)) + advice;
  const oauth = tryReadJson(response, grantErrorSchema);
  if (!oauth.success) {
    const meaning = { code: 'vendor_auth_failed', detail, advice: clientAdvice } as const;
    return refusalError(response, { 401: meaning, 403: meaning });
  }
  const { error } = oauth.data;
  const adviceByError: Readonly<Record<GrantError, string>> = {
    invalid_client: clientAdvice,
    unauthorized_client: 'Ask the vendor to allow the client-credentials grant for this client.',
    invalid_scope: scopeAdvice,
  };
  const more = { vendor: vendor.id, reason: error, advice: adviceByError[error] };
  return new ValetKeyError(codeByGrantError[error], detail, { ...more, cause: { type: 'oauth_error', error } });
}

function readGrant(response: VendorResponse, { scope, maxLifetimeSeconds }: ClientCredentialsRequest): GrantedToken {
  const { vendor } = response;
  const grant = readJson(response, grantSchema);
  if ((grant.token_type ?? 'bearer').toLowerCase() !== 'bearer') throw invalidResponseError(vendor, 'field:token_type');
  if (scope !== undefined && !isScopeGranted(scope, grant)) throw invalidResponseError(vendor, 'other_scope');
  const expiresInSeconds =
    readLifetimeSeconds(grant.expires_in, maxLifetimeSeconds) ??
    remainingSeconds(response, { expiresAt: grant.expires_at }, maxLifetimeSeconds);
  return { accessToken: grant.access_token, expiresInSeconds };
}

/**
 * Returns false if the grant or its token names a scope that does not include the requested one. Such a token could give
 * access to another customer's data.
 */
function isScopeGranted(requested: string, { access_token: token, scope }: z.output<typeof grantSchema>): boolean {
  const granted = scope ?? readJwtPayload(token.reveal())?.['scope'];
  if (typeof granted !== 'string' || granted === '') return true;
  const words = granted.split(' ');
  return requested.split(' ').every((word) => words.includes(word));
}
