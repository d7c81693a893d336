import { json, type Answer } from './answer.ts';

/** A refusal as Vital documents it, with 400. */
export const invalidRequest = (message: string, more: Readonly<Record<string, unknown>> = {}): Answer =>
  json(400, { detail: { error_type: 'INVALID_REQUEST', error_message: message, ...more } });

/** What Vital says to a body or a path that is not valid, with 422. */
export const validationError = (location: readonly string[], message: string, type: string): Answer =>
  json(422, { detail: [{ loc: location, msg: message, type }] });

const messages: Readonly<Record<number, string>> = {
  401: 'Invalid API key',
  404: 'User not found',
  429: 'Too many requests',
  500: 'Internal Server Error',
};

/** Documented are 400 and 422 alone: the body of every other error is a guess. */
export const vitalFailure = (status: number): Answer => {
  if (status === 400) return invalidRequest('The request is not valid.');
  if (status === 422) return validationError(['body'], 'Field required', 'missing');
  return json(status, { detail: messages[status] ?? 'Error' });
};

/** An error of the auth host. The statuses are not documented; the SDKs take any 4xx. */
export const authError = (type: string, status = 400): Answer => json(status, { detail: { error_type: type } });

/** The host of Google that a path stands for, if it does. */
const googleHost = /\/(identitytoolkit|securetoken)\.googleapis\.com\//;

/** What the auth host says with a status, or the host of Google whose path it is. */
export const vitalAuthFailure = (status: number, route: string): Answer => {
  if (googleHost.test(route)) return googleError(googleReasons[route]?.[status] ?? googleStatus(status), status);
  if (status >= 500) return authError('internal_error', status);
  return authError(status === 400 || status === 401 ? 'invalid_token' : 'invalid_request', status);
};

export const googleSignInRoute = 'POST /identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken';
export const googleLookupRoute = 'POST /identitytoolkit.googleapis.com/v1/accounts:lookup';
export const googleRefreshRoute = 'POST /securetoken.googleapis.com/v1/token';

const googleReasons: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  [googleSignInRoute]: { 400: 'INVALID_CUSTOM_TOKEN', 401: 'INVALID_CUSTOM_TOKEN' },
  [googleLookupRoute]: { 400: 'INVALID_ID_TOKEN', 401: 'INVALID_ID_TOKEN' },
  [googleRefreshRoute]: { 400: 'INVALID_REFRESH_TOKEN', 401: 'TOKEN_EXPIRED' },
};

const googleStatuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const googleStatus = (status: number): string => googleStatuses[status] ?? 'UNKNOWN';

/** An error of Google's hosts. */
export const googleError = (message: string, status = 400): Answer =>
  json(status, {
    error: {
      code: status,
      message,
      status: googleStatus(status),
      errors: [{ message, domain: 'global', reason: 'invalid' }],
    },
  });
