import { json, oauthError, type Answer } from './answer.ts';
import type { QueryError } from './odata-types.ts';

const gatewayMessages: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'Too Many Requests',
  500: 'Internal server error',
  503: 'Service Unavailable',
  504: 'Endpoint request timed out',
};

/** The shape of the gateway in front of the API (by Amazon API Gateway's custom: a guess). */
export const gatewayError = (status: number, message = gatewayMessages[status] ?? 'Bad Request'): Answer =>
  json(status, { message });

/** The shape of the API itself, as Nymbl documents it. */
export const applicationError = (status: number, code: string, message: string, details: string): Answer =>
  json(status, { error: { code, message, details } });

/** What the API says to a query that is none, in the words of Nymbl's page. */
export const queryRefusal = ({ code, message }: Pick<QueryError, 'code' | 'message'>): Answer =>
  applicationError(400, code, 'The query specified in the URI is not valid.', message);

export const patientNotFound = applicationError(404, 'NotFound', 'Resource not found', 'The patient does not exist');

/** What is known of a status is who says it: the API what the request asks for, the gateway everything else. */
export const nymblFailure = (status: number): Answer => {
  if (status === 400) return queryRefusal({ code: 'InvalidFilter', message: 'The $filter expression is not valid' });
  return status === 404 ? patientNotFound : gatewayError(status);
};

/** What the token endpoint says: that it does not know the client, where the status may mean that. */
export const nymblIdpFailure = (status: number, route: string): Answer => {
  if (status >= 500) return oauthError('server_error', undefined, status);
  const refused = route === 'POST /oauth2/token' && (status === 400 || status === 401);
  return oauthError(refused ? 'invalid_client' : 'invalid_request', undefined, status);
};
