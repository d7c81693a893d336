import { Secret, ValetKeyError, type CallOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, tryReadJson } from './door/answer.ts';
import type { Door } from './door/door.ts';
import { tokenTextSchema } from './vendor-options.ts';

/** What a client-credentials grant says (RFC 6749 section 4.4.2), with the credentials in the body. */
export interface ClientCredentialsRequest extends CallOptions {
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scope?: string | undefined;
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

/**
 * Asks a token endpoint for an access token (RFC 6749 section 4.4). The door's base URL is the endpoint.
 *
 * Throws `vendor_auth_failed` for `invalid_client` and `vendor_rejected` for `invalid_scope`, with what to check.
 */
export async function requestClientCredentialsToken(
  door: Door,
  { clientId, clientSecret, scope, signal }: ClientCredentialsRequest,
): Promise<GrantedToken> {
  const answer = await door.send({
    method: 'POST',
    path: '',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret.reveal(),
      ...(scope !== undefined && { scope }),
    }).toString(),
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
