import { Secret, ValetKeyError } from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, tryReadJson } from './door/answer.ts';
import type { Operation } from './door/door.ts';
import { readJwtPayload } from './jwt-payload.ts';
import { tokenTextSchema } from './vendor-options.ts';

/** What a client-credentials grant says (RFC 6749 section 4.4.2), with the credentials in the body. */
export interface ClientCredentialsRequest {
  /** Below the door's base URL. Default: the base URL is the endpoint. */
  readonly path?: string | undefined;
  /**
   * Gives the fields that authenticate the client: `client_id` and `client_secret`, or an assertion (RFC 7523). Called
   * for each attempt, for an assertion is good for one.
   */
  readonly authenticate: () => Readonly<Record<string, string>>;
  readonly scope?: string | undefined;
  /** `form` is the standard's; some vendors want `json`. Default: `form`. */
  readonly encoding?: 'form' | 'json' | undefined;
  /** What the operator should look at when the client is refused. */
  readonly advice: string;
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
  scope: z.string().optional().catch(undefined),
  // Some servers write the number as a text.
  expires_in: z.coerce.number().int().positive().optional().catch(undefined),
});

const grantErrorSchema = z.object({ error: z.string() });

const grantErrors = {
  invalid_client: { code: 'vendor_auth_failed', advice: undefined },
  unauthorized_client: {
    code: 'vendor_auth_failed',
    advice: 'Ask the vendor to allow the client-credentials grant for this client.',
  },
  invalid_scope: {
    code: 'vendor_rejected',
    advice: 'Check the customer name and the format of `scope`, and that this client may act for this customer.',
  },
} as const;

const contentTypes = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/**
 * Asks a token endpoint for an access token (RFC 6749 section 4.4).
 *
 * Throws `vendor_auth_failed` for `invalid_client` and `vendor_rejected` for `invalid_scope`, with what to check.
 */
export async function requestClientCredentialsToken(
  operation: Operation,
  { path = '', authenticate, scope, encoding = 'form', advice }: ClientCredentialsRequest,
): Promise<GrantedToken> {
  const encode = (): string => {
    const fields = { grant_type: 'client_credentials', ...authenticate(), ...(scope !== undefined && { scope }) };
    return encoding === 'json' ? JSON.stringify(fields) : new URLSearchParams(fields).toString();
  };
  const answer = await operation.send({
    method: 'POST',
    path,
    headers: { 'content-type': contentTypes[encoding], accept: 'application/json' },
    body: encode,
    repeatable: true,
  });
  if (answer.status !== 200) {
    const oauth = tryReadJson(answer, grantErrorSchema);
    const isKnown = oauth.success && Object.hasOwn(grantErrors, oauth.data.error);
    const { vendor } = answer;
    const detail = `${vendor.title} did not grant an access token.`;
    if (!isKnown) {
      const meaning = { code: 'vendor_auth_failed', detail, advice } as const;
      throw refusal(answer, { 401: meaning, 403: meaning });
    }
    const reason = oauth.data.error as keyof typeof grantErrors;
    const known = grantErrors[reason];
    throw new ValetKeyError(known.code, detail, { vendor: vendor.id, reason, advice: known.advice ?? advice });
  }
  const grant = readJson(answer, grantSchema);
  if ((grant.token_type ?? 'bearer').toLowerCase() !== 'bearer') throw invalidAnswer(answer.vendor, 'field:token_type');
  if (scope !== undefined && !isGranted(scope, grant)) throw invalidAnswer(answer.vendor, 'other_scope');
  return { accessToken: new Secret(grant.access_token), expiresInSeconds: grant.expires_in };
}

/**
 * Whether a grant is for all that was asked, as far as it or its token says: one for another scope would open what
 * somebody else may have.
 */
function isGranted(asked: string, { access_token: token, scope }: z.output<typeof grantSchema>): boolean {
  const granted = scope ?? readJwtPayload(token)?.['scope'];
  if (typeof granted !== 'string' || granted === '') return true;
  const words = granted.split(' ');
  return asked.split(' ').every((word) => words.includes(word));
}
