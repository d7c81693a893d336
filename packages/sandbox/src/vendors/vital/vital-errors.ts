import { jsonResponse, type SimulatedResponse } from '../../engine/responses.ts';

/** Returns a refusal with 400, as Vital documents it. */
export function invalidRequest(message: string, more: Readonly<Record<string, unknown>> = {}): SimulatedResponse {
  return jsonResponse(400, { detail: { error_type: 'INVALID_REQUEST', error_message: message, ...more } });
}

/** Returns the 422 for a body or a path that is not valid. */
export function validationError(location: readonly string[], message: string, type: string): SimulatedResponse {
  return jsonResponse(422, { detail: [{ loc: location, msg: message, type }] });
}

const messages: Readonly<Record<number, string>> = {
  401: 'Invalid API key',
  404: 'User not found',
  429: 'Too many requests',
  500: 'Internal Server Error',
};

/** Returns Vital's error with a status. Only 400 and 422 are documented: the body of every other error is a guess. */
export function vitalFailure(status: number): SimulatedResponse {
  if (status === 400) return invalidRequest('The request is not valid.');
  if (status === 422) return validationError(['body'], 'Field required', 'missing');
  return jsonResponse(status, { detail: messages[status] ?? 'Error' });
}

/** Returns an error of the auth host. Its statuses are not documented; the SDKs accept any 4xx. */
export function authError(type: string, status = 400): SimulatedResponse {
  return jsonResponse(status, { detail: { error_type: type } });
}

/** Matches the routes that belong to a host of Google. */
const googleHost = /\/(identitytoolkit|securetoken)\.googleapis\.com\//;

/** Returns the auth host's error with a status. For a route of a Google host, returns Google's error. */
export function vitalAuthFailure(status: number, route: string): SimulatedResponse {
  if (googleHost.test(route)) return googleError(googleReasons[route]?.[status] ?? googleStatus(status), status);
  if (status >= 500) return authError('internal_error', status);
  return authError(status === 400 || status === 401 ? 'invalid_token' : 'invalid_request', status);
}

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

function googleStatus(status: number): string {
  return googleStatuses[status] ?? 'UNKNOWN';
}

/** Returns an error of Google's hosts. */
export function googleError(message: string, status = 400): SimulatedResponse {
  return jsonResponse(status, {
    error: {
      code: status,
      message,
      status: googleStatus(status),
      errors: [{ message, domain: 'global', reason: 'invalid' }],
    },
  });
}
