import { jsonResponse, oauthError, type SimulatedResponse } from '../../engine/responses.ts';

/** Returns an error of an endpoint that accepts bearer tokens. Authgear sends it in the body and in a header. */
function bearerError(status: number, error: string, description: string): SimulatedResponse {
  return jsonResponse(
    status,
    { error, error_description: description },
    { 'www-authenticate': `Bearer error="${error}", error_description="${description}"` },
  );
}

export const invalidSession = bearerError(401, 'invalid_grant', 'invalid session');
export const missingScope = bearerError(403, 'insufficient_scope', 'required scope not granted');
export const invalidRefreshToken = oauthError('invalid_grant', 'invalid refresh token');
export const invalidClient = oauthError('invalid_client', 'invalid client ID');

/** Returns an error of Authgear's own API, in a form that OAuth does not define. */
function apiError(status: number, name: string, reason: string, message: string): SimulatedResponse {
  return jsonResponse(status, { error: { name, reason, message } });
}

export const appSessionRefusal = apiError(403, 'Forbidden', 'InvalidGrant', 'invalid refresh token');

/** Returns Authgear's error with a status at a route. */
export function authgearFailure(status: number, route: string): SimulatedResponse {
  const path = route.split(' ')[1] ?? '';
  if (path.endsWith('/resolve') && status >= 500) {
    return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'internal error\n' };
  }
  if (path === '/oauth2/app_session_token') {
    if (status >= 500) return apiError(status, 'InternalError', 'UnexpectedError', 'unexpected error occurred');
    return { ...appSessionRefusal, status };
  }
  if (path === '/oauth2/userinfo' && status === 401) return invalidSession;
  if (path === '/oauth2/userinfo' && status === 403) return missingScope;
  if (path === '/oauth2/token' && status === 400) return invalidRefreshToken;
  if (status === 429) return oauthError('x_rate_limited', 'rate limited', status);
  if (status >= 500) return oauthError('server_error', 'internal server error', status);
  return oauthError('invalid_request', 'invalid request', status);
}
