import { ValetKeyError } from '@valetkey/core-types';
import { unsupportedGrant } from './oauth-error.ts';

/** A token exchange request (RFC 8693 section 2.1), as far as it matters here. */
export interface ExchangeRequest {
  readonly subjectToken: string;
  readonly vendor: string;
  readonly requestedTokenType: string | undefined;
  readonly asksForScope: boolean;
}

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Which of them the subject token is, is seen by looking at it. */
const subjectTokenTypes = new Set(
  ['access_token', 'jwt', 'id_token'].map((name) => `urn:ietf:params:oauth:token-type:${name}`),
);

/** What is longer names nothing of ours, and has no business in the audit. */
const longestVendorName = 100;

/** What would change the answer if it were heeded, so that it must not be passed over. */
const unheeded = ['actor_token', 'actor_token_type'];

/**
 * Reads the form of a token exchange. Parameters without a meaning here are passed over, as RFC 6749 section 3.2 wants,
 * the client's credentials among them. Throws `invalid_request`, and `unknown_vendor` where the target is none of ours.
 */
export function readExchangeRequest(form: unknown): ExchangeRequest {
  const parameters = new URLSearchParams(typeof form === 'string' ? form : '');
  const read = (name: string): string | undefined => {
    const values = parameters.getAll(name);
    if (values.length > 1) throw invalidRequest(`The parameter ${name} is there more than once.`);
    // A parameter without a value is one that is not there (RFC 6749 section 3.2).
    return values[0] === '' ? undefined : values[0];
  };
  const need = (name: string): string => {
    const value = read(name);
    if (value === undefined) throw invalidRequest(`The parameter ${name} is missing.`);
    return value;
  };

  if (need('grant_type') !== tokenExchangeGrant) {
    throw invalidRequest(`The grant type is not ${tokenExchangeGrant}.`, unsupportedGrant);
  }
  for (const name of unheeded) {
    if (read(name) !== undefined) throw invalidRequest(`The parameter ${name} is not taken here.`);
  }
  if (!subjectTokenTypes.has(need('subject_token_type'))) {
    throw invalidRequest('The subject token is not of a type that is taken here.');
  }
  const [vendor, ...others] = parameters.getAll('audience');
  if (vendor === undefined || vendor === '') throw invalidRequest('The parameter audience is missing.');
  const isElsewhere = parameters.getAll('resource').some((resource) => resource !== '');
  if (others.length > 0 || isElsewhere || vendor.length > longestVendorName) {
    throw new ValetKeyError('unknown_vendor', 'A token is for one vendor, which `audience` names.');
  }
  return {
    subjectToken: need('subject_token'),
    vendor,
    requestedTokenType: read('requested_token_type'),
    asksForScope: read('scope') !== undefined,
  };
}

function invalidRequest(detail: string, reason?: string): ValetKeyError {
  return new ValetKeyError('invalid_request', detail, {
    reason,
    remediation: 'Correct the form: RFC 8693 section 2.1 says what it holds.',
  });
}
