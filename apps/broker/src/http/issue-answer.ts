import {
  assertExposable,
  Secret,
  ValetKeyError,
  type Clock,
  type ExchangedToken,
  type ExposableToken,
  type IssueAnswer,
  type Vendor,
} from '@valetkey/core-types';
import Negotiator from 'negotiator';

/** An answer that carries a client token; a server token does not compile into it. */
export interface EncodedAnswer {
  readonly type: 'application/json' | 'text/plain; charset=utf-8';
  readonly body: string;
}

/**
 * The one field that a caller wants for a whole answer, who prefers `text/plain`; nothing for one who takes JSON. Throws
 * `invalid_request` where there is no such field, before a vendor is asked for what could not be answered.
 */
export function choosePlainText({ id, issue }: Vendor, accept: string | undefined): string | undefined {
  const types = ['application/json', 'text/plain'];
  const preferred = new Negotiator({ headers: { accept: accept ?? '*/*' } }).mediaType(types);
  if (preferred !== 'text/plain' || issue === undefined) return undefined;
  if (issue.plainTextField !== undefined) return issue.plainTextField;
  throw new ValetKeyError('invalid_request', `${id} has no one field that would be the whole answer.`, {
    vendor: id,
    remediation: 'Send `Accept: application/json`.',
  });
}

/** The answer of an issue request: the vendor's own field names and the common envelope, or one field alone. */
export function encodeIssueAnswer(
  token: ExposableToken,
  plainTextField: string | undefined,
  clock: Clock,
): EncodedAnswer {
  assertExposable(token);
  if (plainTextField === undefined) {
    return { type: 'application/json', body: JSON.stringify(toIssueAnswer(token, clock)) };
  }
  return { type: 'text/plain; charset=utf-8', body: fieldOf(token, plainTextField) };
}

/** The answer of a token exchange (RFC 8693 section 2.2.1): that of an issue request, with the token in OAuth's words. */
export function encodeExchangeAnswer(
  token: ExposableToken,
  exchanged: ExchangedToken & { readonly asksForScope: boolean },
  clock: Clock,
): string {
  assertExposable(token);
  return JSON.stringify({
    ...toIssueAnswer(token, clock),
    access_token: fieldOf(token, exchanged.field),
    issued_token_type: exchanged.issuedTokenType,
    token_type: exchanged.tokenType,
    // A vendor's token has none of the scopes that a client may ask for, which must be said.
    ...(exchanged.asksForScope && { scope: '' }),
  });
}

const textOf = (field: string | Secret) => (field instanceof Secret ? field.reveal() : field);

function fieldOf({ vendor, fields }: ExposableToken, name: string): string {
  const field = fields[name];
  if (field === undefined) throw new ValetKeyError('internal', `${vendor} names a token that is not there.`);
  return textOf(field);
}

function toIssueAnswer(token: ExposableToken, clock: Clock): IssueAnswer {
  const { vendor, vendorUserId, expiresInSeconds, fields } = token;
  const nowMs = clock.nowMs();
  const isoAt = (ms: number) => new Date(ms).toISOString();
  return {
    ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, textOf(field)])),
    vendor,
    connection: vendor,
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
