import type { Call, SimulatedResponse } from '../../engine/responses.ts';
import type { CredentialList } from '../../engine/credential-list.ts';
import { gatewayError, queryRefusal } from './nymbl-errors.ts';
import { nymblCustomers, type NymblCustomer, type NymblToken } from './nymbl-idp.ts';
import { QueryError } from './odata-types.ts';

export interface NymblGatewayDependencies {
  readonly apiKeys: CredentialList;
  /** The status with which the gateway refuses a missing or wrong API key. */
  readonly apiKeyRefusalStatus: 401 | 403;
  readonly inspect: (token: string) => Promise<NymblToken>;
  /** Counts a request of a customer. Returns the message about the limit that the request breaks, if it breaks one. */
  readonly findBrokenLimit: (customer: string) => string | undefined;
}

/** Handles a call to the API. The access token gives access to the data of `customers`. */
export type NymblHandler = (call: Call, customers: readonly NymblCustomer[]) => SimulatedResponse;

/** Returns a function that puts the gateway before a route. The gateway checks the token, the API key and the limits. */
export function createNymblGateway({
  apiKeys,
  apiKeyRefusalStatus,
  inspect,
  findBrokenLimit,
}: NymblGatewayDependencies) {
  return (handle: NymblHandler) =>
    async (call: Call): Promise<SimulatedResponse> => {
      // Nymbl's page requires this exact spelling of the scheme.
      const token = /^Bearer (\S+)$/.exec(call.headers.authorization ?? '')?.[1];
      const customers = token === undefined ? 'invalid' : await inspect(token);
      if (customers === 'expired') return gatewayError(401, 'The incoming token has expired');
      if (customers === 'invalid') return gatewayError(401);
      if (!apiKeys.accepts(call.headers['x-api-key'])) return gatewayError(apiKeyRefusalStatus);
      const brokenLimit = findBrokenLimit(customers.join(' '));
      if (brokenLimit !== undefined) return gatewayError(429, brokenLimit);
      try {
        return handle(call, call.wrongUser ? nymblCustomers.filter((one) => !customers.includes(one)) : customers);
      } catch (error) {
        if (error instanceof QueryError) return queryRefusal(error);
        throw error;
      }
    };
}
