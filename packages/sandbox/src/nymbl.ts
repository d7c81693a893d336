import { json, parseJsonObject, type Answer, type Call, type Routes } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { createNymblIdp, nymblCustomers, type NymblCustomer } from './nymbl-idp.ts';
import { samplePatients, patientType } from './nymbl-data.ts';
import { applicationError, gatewayError, nymblFailure, patientNotFound, queryRefusal } from './nymbl-errors.ts';
import { createNymblLimits } from './nymbl-limits.ts';
import { queryRow, queryRows } from './odata.ts';
import { QueryError, type Row } from './odata-types.ts';
import type { Simulation, SimulationEnvironment } from './simulation.ts';
import type { SigningKeys } from './keys.ts';

/** How the simulated Nymbl differs from its default. */
export interface NymblOptions {
  /** Whether the documented limits (2 requests a second, bursts of 5; 10,000 a month) are kept. Default: false. */
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
  const brokenLimit = createNymblLimits(environment.clock);
  let apiKeys: readonly string[] = [sandboxCredentials.nymbl.apiKey];
  let limited = rateLimited;

  /** What the gateway does before the API: the token, the key, the limits. */
  const guarded =
    (handle: (call: Call, customers: readonly NymblCustomer[]) => Answer) =>
    async (call: Call): Promise<Answer> => {
      // Nymbl's page insists on exactly this case.
      const token = /^Bearer (\S+)$/.exec(call.headers.authorization ?? '')?.[1];
      const customers = token === undefined ? 'invalid' : await identity.inspect(token);
      if (customers === 'expired') return gatewayError(401, 'The incoming token has expired');
      if (customers === 'invalid') return gatewayError(401);
      const apiKey = call.headers['x-api-key'];
      if (typeof apiKey !== 'string' || !apiKeys.includes(apiKey)) return gatewayError(apiKeyRefusalStatus);
      const limit = limited ? brokenLimit(customers.join(' ')) : undefined;
      if (limit !== undefined) return gatewayError(429, limit);
      try {
        return handle(call, call.wrongUser ? nymblCustomers.filter((one) => !customers.includes(one)) : customers);
      } catch (error) {
        if (error instanceof QueryError) return queryRefusal(error);
        throw error;
      }
    };

  const context = (suffix: string) => `${environment.origin()}/nymbl/$metadata#Patients${suffix}`;

  const patientsOf = (customers: readonly NymblCustomer[]) => customers.flatMap((customer) => data[customer]);

  const routes: Routes = {
    'GET /Patients': guarded((call, customers) => {
      const rows = patientsOf(customers);
      const { value, count } = queryRows(patientType(rows), rows, call.query);
      return json(
        200,
        { '@odata.context': context(''), ...(count !== undefined && { '@odata.count': count }), value },
        odataHeaders,
      );
    }),
    'GET /Patients({id})': guarded((call, customers) => {
      const rows = patientsOf(customers);
      const id = call.parameters['id']?.replaceAll("'", '');
      // Another customer has no patient of that id; an API that mixes customers up shows one of theirs.
      const row = call.wrongUser ? rows[0] : rows.find((patient) => patient['id'] === id);
      if (row === undefined) return patientNotFound;
      const shown = queryRow(patientType(rows), row, call.query);
      return json(200, { '@odata.context': context('/$entity'), ...shown }, odataHeaders);
    }),
    'POST /Patients': guarded((call, customers) => {
      const [customer] = customers;
      const fields = parseJsonObject(call.body);
      if (fields === undefined) {
        return applicationError(400, 'InvalidRequest', 'The request is not valid.', 'The body has to be a JSON object');
      }
      if (customer === undefined) return gatewayError(403);
      const row = { ...fields, id: `${customer}-${data[customer].length + 1}` };
      data[customer].push(row);
      return json(201, { '@odata.context': context('/$entity'), ...row }, odataHeaders);
    }),
  };

  return {
    keys: identity.keys,
    simulations: [
      identity.simulation,
      {
        vendor: 'nymbl',
        failure: nymblFailure,
        // What Amazon API Gateway says to a path that it does not have.
        unknownPath: gatewayError(403, 'Missing Authentication Token'),
        routes,
      },
    ],
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
