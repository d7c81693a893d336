import { ValetKeyError, type FailureCause } from '@valetkey/core-types';

/** The parts of a token exchange request (RFC 8693 section 2.1) that the broker uses. */
export interface ExchangeRequest {
  readonly subjectToken: string;
  readonly connection: string;
  readonly requestedTokenType: string | undefined;
  readonly asksForScope: boolean;
}

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** The accepted types of the subject token. The token's own form decides how it is verified. */
const subjectTokenTypes = new Set(
  ['access_token', 'jwt', 'id_token'].map((name) => `urn:ietf:params:oauth:token-type:${name}`),
);

/** A longer name cannot be a connection, and must not reach the audit. */
const maxNameLength = 100;

/** Parameters that would change the result. They are refused, because ignoring them would be wrong. */
const unsupportedParameters = ['actor_token', 'actor_token_type'];

/**
 * Parses the form of a token exchange. Unknown parameters are ignored, as RFC 6749 section 3.2 requires; the client's
 * credentials are among them. Throws `invalid_request`, and `unknown_vendor` where the target is not a connection.
 */
export function parseExchangeRequest(form: unknown): ExchangeRequest {
  const parameters = new URLSearchParams(typeof form === 'string' ? form : '');
  const read = (name: string): string | undefined => {
    const values = parameters.getAll(name);
    if (values.length > 1) throw invalidRequest(`The parameter ${name} is present more than once.`);
    // A parameter without a value counts as absent (RFC 6749 section 3.2).
    return values[0] === '' ? undefined : values[0];
  };
  const readRequired = (name: string): string => {
    const value = read(name);
    if (value === undefined) throw invalidRequest(`The parameter ${name} is missing.`);
    return value;
  };

  if (readRequired('grant_type') !== tokenExchangeGrant) {
    const cause: FailureCause = { type: 'oauth_error', error: 'unsupported_grant_type' };
    throw invalidRequest(`The grant type is not ${tokenExchangeGrant}.`, cause);
  }
  for (const name of unsupportedParameters) {
    if (read(name) !== undefined) throw invalidRequest(`The parameter ${name} is not supported.`);
  }
  if (!subjectTokenTypes.has(readRequired('subject_token_type'))) {
    throw invalidRequest('The type of the subject token is not supported.');
  }
  return {
    subjectToken: readRequired('subject_token'),
    connection: readTarget(parameters),
    requestedTokenType: read('requested_token_type'),
    asksForScope: read('scope') !== undefined,
  };
}

function readTarget(parameters: URLSearchParams): string {
  const [connection, ...others] = parameters.getAll('audience');
  if (connection === undefined || connection === '') throw invalidRequest('The parameter audience is missing.');
  const namesResource = parameters.getAll('resource').some((resource) => resource !== '');
  if (others.length > 0 || namesResource || connection.length > maxNameLength) {
    throw new ValetKeyError('unknown_vendor', 'A token is for exactly one connection, which `audience` names.');
  }
  return connection;
}

function invalidRequest(detail: string, cause?: FailureCause): ValetKeyError {
  return new ValetKeyError('invalid_request', detail, {
    cause,
    reason: cause?.type === 'oauth_error' ? cause.error : undefined,
    remediation: 'Correct the form: RFC 8693 section 2.1 lists its parameters.',
  });
}
