import { ValetKeyError, type FailureCause } from '@valetkey/core-types';

/** The parameters of a token exchange (RFC 8693 section 2.1) that the broker uses. */
export interface ExchangeRequest {
  readonly subjectToken: string;
  readonly connection: string;
  readonly requestedTokenType: string | undefined;
  /** Whether the request has the parameter `scope`. */
  readonly asksForScope: boolean;
}

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** The accepted values of `subject_token_type`. They do not decide how the token is verified; its own form does. */
const subjectTokenTypes = new Set(
  ['access_token', 'jwt', 'id_token'].map((name) => `urn:ietf:params:oauth:token-type:${name}`),
);

/** The longest accepted `audience`. A longer text is not the name of a connection, and must not reach the audit. */
const maxNameLength = 100;

/** Parameters that are refused instead of ignored, because they ask for a token of another kind. */
const unsupportedParameters = ['actor_token', 'actor_token_type'];

/**
 * Parses the form of a token exchange. Unknown parameters are ignored, as RFC 6749 section 3.2 requires; `client_id` and
 * `client_secret` are unknown. Throws `invalid_request`, or `unknown_vendor` if the target cannot be one connection.
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
