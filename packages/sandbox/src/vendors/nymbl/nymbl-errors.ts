import { jsonResponse, oauthError, type SimulatedResponse } from '../../engine/responses.ts';
import type { QueryError } from './odata-types.ts';

const gatewayMessages: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'Too Many Requests',
  500: 'Internal server error',
  503: 'Service Unavailable',
  504: 'Endpoint request timed out',
};

/** Returns an error of the gateway in front of the API. Its form is a guess: that of Amazon API Gateway. */
export function gatewayError(status: number, message = gatewayMessages[status] ?? 'Bad Request'): SimulatedResponse {
  return jsonResponse(status, { message });
}

/** Returns an error of the API itself, as Nymbl documents it. */
export function applicationError(status: number, code: string, message: string, details: string): SimulatedResponse {
  return jsonResponse(status, { error: { code, message, details } });
}

/** Returns the refusal of a query that is not valid, in the words of Nymbl's page. */
export function queryRefusal({ code, message }: Pick<QueryError, 'code' | 'message'>): SimulatedResponse {
  return applicationError(400, code, 'The query specified in the URI is not valid.', message);
}

export const patientNotFound = applicationError(404, 'NotFound', 'Resource not found', 'The patient does not exist');

/** Returns the error with a status: 400 and 404 are the API's, every other one is the gateway's. */
export function nymblFailure(status: number): SimulatedResponse {
  if (status === 400) return queryRefusal({ code: 'InvalidFilter', message: 'The $filter expression is not valid' });
  return status === 404 ? patientNotFound : gatewayError(status);
}

/** Returns the error of the token endpoint with a status: `invalid_client` where the status may mean that. */
export function nymblIdpFailure(status: number, route: string): SimulatedResponse {
  if (status >= 500) return oauthError('server_error', undefined, status);
  const refused = route === 'POST /oauth2/token' && (status === 400 || status === 401);
  return oauthError(refused ? 'invalid_client' : 'invalid_request', undefined, status);
}
