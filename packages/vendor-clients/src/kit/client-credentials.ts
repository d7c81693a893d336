import { ValetKeyError, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import type { Operation } from './door/door.ts';
import { invalidResponseError, readJson, refusalError, tokenSchema, tryReadJson } from './door/response.ts';
import { readJwtPayload } from './jwt-payload.ts';

/** A request for a client-credentials grant (RFC 6749 section 4.4.2), with the credentials in the body. */
export interface ClientCredentialsRequest {
  /** The path of the token endpoint below the door's base URL. Default: the base URL is the endpoint. */
  readonly path?: string | undefined;
  /**
   * Returns the fields that authenticate the client: `client_id` and `client_secret`, or an assertion (RFC 7523). It is
   * called for each attempt, because an assertion may be used only once.
   */
  readonly authenticate: () => Readonly<Record<string, string>>;
  readonly scope?: string | undefined;
  /** What the operator should check if the vendor refuses the scope. Default: a general advice. */
  readonly scopeAdvice?: string | undefined;
  /** The encoding of the body: `form` as in the standard, or `json`. Default: `form`. */
  readonly encoding?: 'form' | 'json' | undefined;
  /** What the operator should check if the client is refused. */
  readonly advice: string;
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
  // Some token endpoints send the number as a string.
  expires_in: z.coerce.number().int().positive().optional().catch(undefined),
});

const codeByGrantError = {
  invalid_client: 'vendor_auth_failed',
  unauthorized_client: 'vendor_auth_failed',
  invalid_scope: 'vendor_rejected',
} as const;

type GrantError = keyof typeof codeByGrantError;

const grantErrorSchema = z.object({ error: z.enum(Object.keys(codeByGrantError) as GrantError[]) });

const defaultScopeAdvice = 'Check the requested scope, and that this client may request it.';

const contentTypes = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Requests an access token by the client-credentials grant (RFC 6749 section 4.4).
 *
 * Rejects with `vendor_auth_failed` for `invalid_client` and `unauthorized_client`, and with `vendor_rejected` for
 * `invalid_scope`; each with the `oauth_error` as its cause. Rejects with `vendor_response_invalid` if the token is not a
 * bearer token or lacks the requested scope.
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
  {
    path = '',
    authenticate,
    scope,
    scopeAdvice = defaultScopeAdvice,
    encoding = 'form',
    advice,
  }: ClientCredentialsRequest,
): Promise<GrantedToken> {
  const encode = (): string => {
    const fields = { grant_type: 'client_credentials', ...authenticate(), ...(scope !== undefined && { scope }) };
    return encoding === 'json' ? JSON.stringify(fields) : new URLSearchParams(fields).toString();
  };
  const response = await operation.send({
    method: 'POST',
    path,
    headers: { 'content-type': contentTypes[encoding] },
    body: encode,
    expected: 'any',
    repeatable: true,
  });
  const { vendor } = response;
  if (response.status !== 200) {
    const detail = `${vendor.title} did not grant an access token.`;
    const oauth = tryReadJson(response, grantErrorSchema);
    if (!oauth.success) {
      const meaning = { code: 'vendor_auth_failed', detail, advice } as const;
      throw refusalError(response, { 401: meaning, 403: meaning });
    }
    const { error } = oauth.data;
    const adviceByError: Readonly<Record<GrantError, string>> = {
      invalid_client: advice,
      unauthorized_client: 'Ask the vendor to allow the client-credentials grant for this client.',
      invalid_scope: scopeAdvice,
    };
    const more = { vendor: vendor.id, reason: error, advice: adviceByError[error] };
    throw new ValetKeyError(codeByGrantError[error], detail, { ...more, cause: { type: 'oauth_error', error } });
  }
  const grant = readJson(response, grantSchema);
  if ((grant.token_type ?? 'bearer').toLowerCase() !== 'bearer') throw invalidResponseError(vendor, 'field:token_type');
  if (scope !== undefined && !isScopeGranted(scope, grant)) throw invalidResponseError(vendor, 'other_scope');
  return { accessToken: grant.access_token, expiresInSeconds: grant.expires_in };
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
