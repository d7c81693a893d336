import { Secret, ValetKeyError, type CallOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, tryReadJson } from './door/answer.ts';
import type { Door } from './door/door.ts';
import { tokenTextSchema } from './vendor-options.ts';

/** What a client-credentials grant says (RFC 6749 section 4.4.2), with the credentials in the body. */
export interface ClientCredentialsRequest extends CallOptions {
  /** Below the door's base URL. Default: the base URL is the endpoint. */
  readonly path?: string | undefined;
  /** The fields that authenticate the client: `client_id` and `client_secret`, or an assertion (RFC 7523). */
  readonly authentication: Readonly<Record<string, string>>;
  readonly scope?: string | undefined;
  /** `form` is the standard's; some vendors want `json`. Default: `form`. */
  readonly encoding?: 'form' | 'json' | undefined;
}

/** What a grant answers (RFC 6749 section 5.1). */
export interface GrantedToken {
  readonly accessToken: Secret;
  /** Life from receipt, in seconds, where the server says it. */
  readonly expiresInSeconds?: number | undefined;
}

const grantSchema = z.object({
  access_token: tokenTextSchema,
  token_type: z.string().optional(),
  // Some servers write the number as a text.
  expires_in: z.coerce.number().int().positive().optional().catch(undefined),
});

const grantErrorSchema = z.object({ error: z.string() });

const grantErrors = {
  invalid_client: {
    code: 'vendor_auth_failed',
    remediation: 'Check `clientId` and `clientSecret`, and that they are of the environment that `tokenUrl` names.',
  },
  unauthorized_client: {
    code: 'vendor_auth_failed',
    remediation: 'Ask the vendor to allow the client-credentials grant for this client.',
  },
  invalid_scope: {
    code: 'vendor_rejected',
    remediation: 'Check the customer name and the format of `scope`, and that this client may act for this customer.',
  },
} as const;

const contentTypes = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Asks a token endpoint for an access token (RFC 6749 section 4.4).
 *
 * Throws `vendor_auth_failed` for `invalid_client` and `vendor_rejected` for `invalid_scope`, with what to check.
 */
export async function requestClientCredentialsToken(
  door: Door,
  { path = '', authentication, scope, encoding = 'form', signal }: ClientCredentialsRequest,
): Promise<GrantedToken> {
  const fields = { grant_type: 'client_credentials', ...authentication, ...(scope !== undefined && { scope }) };
  const answer = await door.send({
    method: 'POST',
    path,
    headers: { 'content-type': contentTypes[encoding], accept: 'application/json' },
    body: encoding === 'json' ? JSON.stringify(fields) : new URLSearchParams(fields).toString(),
    repeatable: true,
    signal,
  });
  if (answer.status !== 200) {
    const oauth = tryReadJson(answer, grantErrorSchema);
    const known = oauth.success && Object.hasOwn(grantErrors, oauth.data.error);
    if (!known) throw refusal(answer);
    const reason = oauth.data.error as keyof typeof grantErrors;
    const { code, remediation } = grantErrors[reason];
    const { vendor } = answer;
    throw new ValetKeyError(code, `${vendor.title} did not grant an access token.`, {
      vendor: vendor.id,
      reason,
      remediation,
    });
  }
  const grant = readJson(answer, grantSchema);
  if ((grant.token_type ?? 'bearer').toLowerCase() !== 'bearer') throw invalidAnswer(answer.vendor, 'field:token_type');
  return { accessToken: new Secret(grant.access_token), expiresInSeconds: grant.expires_in };
}
