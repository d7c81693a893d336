import { sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import { control } from '../../engine/controls.ts';
import { createCredentialList, credentialsSchema } from '../../engine/credential-list.ts';
import { defineSimulation } from '../../engine/simulation.ts';
import { gatewayError, nymblFailure } from './nymbl-errors.ts';
import { createNymblGateway } from './nymbl-gateway.ts';
import { createNymblIdp } from './nymbl-idp.ts';
import { createNymblLimits } from './nymbl-limits.ts';
import { createNymblPatients } from './nymbl-patients.ts';

/** Simulates Nymbl: its token endpoint, and behind a gateway its OData API with the data of two customers. */
export const nymbl = defineSimulation({
  id: 'nymbl',
  title: 'Nymbl',
  options: z.strictObject({
    rateLimited: z
      .boolean()
      .default(false)
      .describe(
        'Whether Nymbl enforces its documented limits for each customer: 2 requests a second with bursts of 5, and 10,000 requests a month.',
      ),
    apiKeyRefusalStatus: z
      .union([z.literal(401), z.literal(403)])
      .default(403)
      .describe("The status with which Nymbl refuses a missing or wrong `x-api-key`. Nymbl's documentation says 401."),
  }),
  credentials: {
    clientId: `${sandboxMarker}-nymbl-client`,
    clientSecret: `${sandboxMarker}-nymbl-client-secret`,
    apiKey: `${sandboxMarker}-nymbl-api-key`,
    customer: 'acme-corp',
  },
  services: {
    'nymbl-idp': {
      title: 'Nymbl, token endpoint',
      sample: 'POST /oauth2/token',
      simulates: 'client credentials, in the form of Amazon Cognito',
    },
    nymbl: {
      title: 'Nymbl, API',
      sample: 'GET  /Patients',
      simulates: 'the OData API behind its gateway, with the patients of the customers `acme-corp` and `globex`',
    },
  },
  signingKeys: { 'nymbl-idp': ['RS256'] },
  dev: ({ urls, credentials }) => ({
    baseUrl: urls.nymbl,
    tokenUrl: `${urls.nymblIdp}/oauth2/token`,
    clientId: credentials.clientId,
    clientSecret: credentials.clientSecret,
    apiKey: credentials.apiKey,
    customer: { value: credentials.customer },
    allow: [
      { method: 'GET', path: '/Patients' },
      { method: 'GET', path: '/Patients({id})' },
    ],
  }),

  simulate({ clock, urlOf, keys, credentials }, { rateLimited, apiKeyRefusalStatus }) {
    const clientIds = createCredentialList([credentials.clientId]);
    const clientSecrets = createCredentialList([credentials.clientSecret]);
    const apiKeys = createCredentialList([credentials.apiKey]);
    const idp = createNymblIdp({ clock, keys: keys['nymbl-idp'], clientIds, clientSecrets });
    const patients = createNymblPatients(() => urlOf('nymbl'));
    const findBrokenLimit = createNymblLimits(clock);
    let limited = rateLimited;
    const behindGateway = createNymblGateway({
      apiKeys,
      apiKeyRefusalStatus,
      inspect: idp.inspect,
      findBrokenLimit: (customer) => (limited ? findBrokenLimit(customer) : undefined),
    });

    return {
      services: {
        'nymbl-idp': idp.service,
        nymbl: {
          failure: nymblFailure,
          // The response of Amazon API Gateway to a path that it does not have.
          unknownPath: gatewayError(403, 'Missing Authentication Token'),
          routes: {
            'GET /Patients': behindGateway(patients.list),
            'GET /Patients({id})': behindGateway(patients.read),
            'POST /Patients': behindGateway(patients.create),
          },
        },
      },
      controls: {
        setClientIds: control(credentialsSchema, clientIds.replace),
        setClientSecrets: control(credentialsSchema, clientSecrets.replace),
        setApiKeys: control(credentialsSchema, apiKeys.replace),
        setRateLimited: control(z.boolean(), (value) => {
          limited = value;
        }),
        revokeTokens: control(z.literal(true), idp.revokeTokens),
      },
      state: { patients: patients.all },
    };
  },
});
