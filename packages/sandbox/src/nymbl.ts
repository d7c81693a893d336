import type { Clock } from '@valetkey/core-types';
import { json, parseJsonObject, type Answer, type Call, type Routes } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { createNymblIdp, nymblCustomers, type NymblCustomer } from './nymbl-idp.ts';
import { queryRows, type Row } from './odata.ts';
import type { Simulation, SimulationEnvironment } from './simulation.ts';
import type { SigningKeys } from './keys.ts';

/** How the simulated Nymbl differs from its default. */
export interface NymblOptions {
  /** Whether the documented limit (2 requests a second, bursts of 5) is kept. Default: false. */
  readonly rateLimited?: boolean | undefined;
  /** How a missing or wrong `x-api-key` is answered. Default: 403; Nymbl's own page says 401. */
  readonly apiKeyRefusalStatus?: 401 | 403 | undefined;
}

/** What tests may do to the simulated Nymbl. */
export interface NymblState {
  /** Refuses every access token issued so far with a 401. */
  readonly revokeTokens: () => void;
  /** The client secrets that are taken from now on. */
  readonly setClientSecrets: (secrets: readonly string[]) => void;
  /** The `x-api-key`s that are taken from now on. */
  readonly setApiKeys: (keys: readonly string[]) => void;
  readonly setRateLimited: (limited: boolean) => void;
  readonly patients: (customer: NymblCustomer) => readonly Row[];
}

/** Simulates Nymbl: its token endpoint, and behind two gateway checks its OData API with data of two customers. */
export const createNymbl = (
  environment: SimulationEnvironment,
  { rateLimited = false, apiKeyRefusalStatus = 403 }: NymblOptions = {},
): { simulations: readonly Simulation[]; state: NymblState; keys: SigningKeys } => {
  const identity = createNymblIdp(environment);
  const data: Record<NymblCustomer, Row[]> = {
    'acme-corp': samplePatients('acme-corp'),
    globex: samplePatients('globex'),
  };
  const limiter = createRateLimiter(environment.clock);
  let apiKeys: readonly string[] = [sandboxCredentials.nymbl.apiKey];
  let limited = rateLimited;

  /** What the gateway does before the API: the token, the key, the limit. */
  const guarded =
    (handle: (call: Call, customers: readonly NymblCustomer[]) => Answer) =>
    async (call: Call): Promise<Answer> => {
      // Nymbl's page insists on exactly this case.
      const token = /^Bearer (\S+)$/.exec(call.headers.authorization ?? '')?.[1];
      const customers = token === undefined ? 'invalid' : await identity.inspect(token);
      if (customers === 'expired') return json(401, { message: 'The incoming token has expired' });
      if (customers === 'invalid') return gatewayError(401);
      const apiKey = call.headers['x-api-key'];
      if (typeof apiKey !== 'string' || !apiKeys.includes(apiKey)) return gatewayError(apiKeyRefusalStatus);
      if (limited && !limiter()) return gatewayError(429);
      if (!call.wrongUser) return handle(call, customers);
      return handle(
        call,
        nymblCustomers.filter((customer) => !customers.includes(customer)),
      );
    };

  const context = (suffix: string) => `${environment.origin()}/nymbl/$metadata#Patients${suffix}`;

  const routes: Routes = {
    'GET /Patients': guarded((call, customers) => {
      const result = queryRows(
        customers.flatMap((customer) => data[customer]),
        call.query,
      );
      if ('code' in result) return applicationError(400, result.code, result.message);
      const { value, count } = result;
      return json(
        200,
        { '@odata.context': context(''), ...(count !== undefined && { '@odata.count': count }), value },
        odataHeaders,
      );
    }),
    'GET /Patients({id})': guarded((call, customers) => {
      const id = call.parameters['id']?.replaceAll("'", '');
      const row = customers.flatMap((customer) => data[customer]).find((patient) => patient['id'] === id);
      if (row === undefined) return applicationError(404, 'NotFound', 'The patient does not exist');
      return json(200, { '@odata.context': context('/$entity'), ...row }, odataHeaders);
    }),
    'POST /Patients': guarded((call, customers) => {
      const [customer] = customers;
      const fields = parseJsonObject(call.body);
      if (fields === undefined) return applicationError(400, 'InvalidRequest', 'The body has to be a JSON object');
      if (customer === undefined) return gatewayError(403);
      const row = { ...fields, id: `${customer}-${data[customer].length + 1}` };
      data[customer].push(row);
      return json(201, { '@odata.context': context('/$entity'), ...row }, odataHeaders);
    }),
  };

  return {
    keys: identity.keys,
    simulations: [identity.simulation, { vendor: 'nymbl', failure: gatewayError, routes }],
    state: {
      revokeTokens: identity.revokeTokens,
      setClientSecrets: identity.setClientSecrets,
      setApiKeys: (keys) => {
        apiKeys = [...keys];
      },
      setRateLimited: (value) => {
        limited = value;
      },
      patients: (customer) => [...data[customer]],
    },
  };
};

const odataHeaders = { 'content-type': 'application/json; odata.metadata=minimal', 'odata-version': '4.0' };

const samplePatients = (customer: NymblCustomer): Row[] =>
  ['Ada', 'Grace', 'Katherine'].map((firstName, index) => ({
    id: `${customer}-${index + 1}`,
    firstName,
    lastName: customer === 'acme-corp' ? 'Acme' : 'Globex',
    status: index === 2 ? 'inactive' : 'active',
  }));

const gatewayMessages: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal server error',
  503: 'Service Unavailable',
  504: 'Endpoint request timed out',
};

/** The shape of the gateway in front of the API (by Amazon API Gateway's custom: a guess). */
const gatewayError = (status: number): Answer => json(status, { message: gatewayMessages[status] ?? 'Bad Request' });

/** The shape of the API itself, as Nymbl documents it. */
const applicationError = (status: number, code: string, message: string): Answer =>
  json(status, { error: { code, message, details: message } });

/** Nymbl's documented limit: 2 requests a second, bursts of 5. Says whether one more may pass. */
const createRateLimiter = (clock: Clock): (() => boolean) => {
  const perSecond = 2;
  const burst = 5;
  let tokens = burst;
  let filledAt = clock.monotonicMs();
  return () => {
    const now = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
};
