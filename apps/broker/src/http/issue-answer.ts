import {
  assertExposable,
  Secret,
  ValetKeyError,
  type Clock,
  type ExchangedToken,
  type ExposableToken,
  type IssueAnswer,
} from '@valetkey/core-types';
import Negotiator from 'negotiator';

/** An answer that carries a client token; a server token does not compile into it. */
export interface EncodedAnswer {
  readonly type: 'application/json' | 'text/plain; charset=utf-8';
  readonly body: string;
}

/**
 * The answer of an issue request: the vendor's own field names and the common envelope, or the bare token for a caller
 * who prefers `text/plain`, where the vendor has exactly one.
 */
export function encodeIssueAnswer(token: ExposableToken, accept: string | undefined, clock: Clock): EncodedAnswer {
  assertExposable(token);
  const types = ['application/json', 'text/plain'];
  const preferred = new Negotiator({ headers: { accept: accept ?? '*/*' } }).mediaType(types);
  if (preferred === 'text/plain') return { type: 'text/plain; charset=utf-8', body: plainText(token) };
  return { type: 'application/json', body: JSON.stringify(toIssueAnswer(token, clock)) };
}

/** The answer of a token exchange (RFC 8693 section 2.2.1): that of an issue request, with the token in OAuth's words. */
export function encodeExchangeAnswer(
  token: ExposableToken,
  exchanged: ExchangedToken & { readonly asksForScope: boolean },
  clock: Clock,
): string {
  assertExposable(token);
  const field = token.fields[exchanged.field];
  if (field === undefined) throw new ValetKeyError('internal', `${token.vendor} names a token that is not there.`);
  return JSON.stringify({
    ...toIssueAnswer(token, clock),
    access_token: textOf(field),
    issued_token_type: exchanged.issuedTokenType,
    token_type: exchanged.tokenType,
    // A vendor's token has none of the scopes that a client may ask for, which must be said.
    ...(exchanged.asksForScope && { scope: '' }),
  });
}

const textOf = (field: string | Secret) => (field instanceof Secret ? field.reveal() : field);

function plainText({ vendor, fields, plainTextField }: ExposableToken): string {
  const field = plainTextField === undefined ? undefined : fields[plainTextField];
  if (field !== undefined) return textOf(field);
  throw new ValetKeyError('invalid_request', `${vendor} answers more than one field, which plain text cannot hold.`, {
    vendor,
    remediation: 'Send `Accept: application/json`.',
  });
}

function toIssueAnswer(token: ExposableToken, clock: Clock): IssueAnswer {
  const { vendor, vendorUserId, expiresInSeconds, fields } = token;
  const nowMs = clock.nowMs();
  const isoAt = (ms: number) => new Date(ms).toISOString();
  return {
    ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, textOf(field)])),
    vendor,
    ...(vendorUserId === undefined ? {} : { vendor_user_id: vendorUserId }),
    ...(expiresInSeconds === undefined
      ? {}
      : {
          expires_in: expiresInSeconds,
          expires_at: isoAt(nowMs + expiresInSeconds * 1000),
          refresh_after: Math.floor(expiresInSeconds * 0.8),
        }),
    server_time: isoAt(nowMs),
  };
}
