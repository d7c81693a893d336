import {
  isSameIdentifier,
  secretSlotsSchema,
  type CallOptions,
  type Secret,
  type SecretSlots,
} from '@valetkey/core-types';
import { z } from 'zod';
import { signClientAssertion } from '../../kit/client-assertion.ts';
import { requestClientCredentialsToken } from '../../kit/client-credentials.ts';
import { customCredential } from '../../kit/credentials.ts';
import { defineVendor, type VendorClient, type WithoutClose } from '../../kit/define-vendor.ts';
import { encodePathSegment, type ClientDependencies, type Operation } from '../../kit/door/door.ts';
import { type StatusMeaning } from '../../kit/door/refusal.ts';
import { invalidResponseError, readJson, tokenSchema, type VendorResponse } from '../../kit/door/response.ts';
import { bearerToken, issueForUser } from '../../kit/issue-ability.ts';
import { readJwtPayload, remainingLifeSeconds } from '../../kit/jwt-payload.ts';
import { baseUrlSchema } from '../../kit/option-schemas.ts';
import { createAccessTokenKeeper, type AccessTokenKeeper } from '../../kit/access-token-keeper.ts';
import { rsaPrivateKeySchema } from '../../kit/private-key.ts';
import { verifyCredentials } from '../../kit/verify-credentials.ts';

/** A patient's tokens. Both belong to that patient alone: return them to the patient's app and keep neither. */
export interface NablaPatientTokens {
  readonly accessToken: Secret;
  readonly refreshToken: Secret;
  /** Seconds until the access token expires, counted from receipt. */
  readonly expiresInSeconds: number;
}

/** A client of Nabla's server API. */
export interface NablaClient extends VendorClient {
  /**
   * Requests new tokens for a patient (`jwt/patient/authenticate/:user_id`; in the Core API `jwt/authenticate/:user_id`).
   * Rejects with `vendor_user_not_found` for a patient that Nabla does not know.
   */
  readonly authenticatePatient: (userId: string, options?: CallOptions) => Promise<NablaPatientTokens>;
}

const clientIdSchema = z.string().trim().min(1);

const signingKey = {
  privateKey: rsaPrivateKeySchema.describe('The private RSA key of the client, of 2048 bits or more, in PEM.'),
  keyId: z
    .string()
    .min(1)
    .optional()
    .describe(
      "The `kid` of the key, which the broker writes into the header of its assertions. Required only if the client's keys are published as a JWK Set.",
    ),
};

const coreClientSchema = z
  .strictObject({
    clientId: clientIdSchema.describe('The UUID of the OAuth client.'),
    ...signingKey,
    next: z
      .strictObject({
        clientId: clientIdSchema
          .optional()
          .describe('The UUID of the OAuth client of this key. Absent: the same client as that of the current key.'),
        ...signingKey,
      })
      .optional()
      .describe(
        'The key that the broker uses when Nabla refuses the current one. If the keys are not published as a JWK Set, each key has a client of its own.',
      ),
  })
  .transform(({ next, ...current }): SecretSlots<typeof current> => {
    if (next === undefined) return { current };
    return { current, next: { ...next, clientId: next.clientId ?? current.clientId } };
  });

const serverKeySchema = z
  .union([secretSlotsSchema, coreClientSchema])
  .describe(
    "The server API key (`server_…`), or a client of Nabla's Core API. Either gives access to the whole organisation.",
  );

/** The lifetime of an access token that names none. Nabla documents five minutes. */
const defaultLifetimeSeconds = 300;

/** The longest lifetime that an access token may claim. A longer one counts as this one. */
const maxLifetimeSeconds = 3_600;

/** The lifetime of a refresh token, as Nabla documents it. An app can use Nabla for that long. */
const refreshLifetimeSeconds = 30 * 86_400;

/** No patient has this id, so a request for it issues nothing. */
const unknownPatient = '00000000-0000-0000-0000-000000000000';

const tokensSchema = z.object({ access_token: tokenSchema, refresh_token: tokenSchema });

const noPatient: StatusMeaning = { code: 'vendor_user_not_found', detail: 'Nabla has no patient with this id.' };

/** Nabla: issues a patient's access and refresh tokens, anew for every request. */
export const nabla = defineVendor({
  id: 'nabla',
  title: 'Nabla',
  credentials: {
    serverKey: customCredential(serverKeySchema, (key) =>
      'clientId' in key
        ? [key.clientId, key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]
        : [key.reveal()],
    ),
  },
  options: {
    baseUrl: baseUrlSchema
      .optional()
      .describe(
        "The base URL of Nabla's API. Absent: `https://api.nabla.com`. Required for a client of the Core API, because each region has its own host.",
      ),
    method: z
      .enum(['GET', 'POST'])
      .default('GET')
      .describe(
        'The HTTP method with which the broker requests a token with a server API key. The example in Nabla’s documentation is a curl command that names no method.',
      ),
    patientIdClaim: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The claim of the access token that holds the id of the patient. The broker refuses a token of any other patient. Absent: the broker does not check this.',
      ),
  },
  check({ serverKey, baseUrl }, report) {
    if (baseUrl !== undefined || !('clientId' in serverKey.current)) return;
    const hosts = 'https://us.api.nabla.com or https://eu.api.nabla.com';
    report('baseUrl', `must be the region's host for a client of the Core API: ${hosts}`);
  },
  connect({ vendor, options, credentials, openDoor, clock }): WithoutClose<NablaClient> {
    const { baseUrl = 'https://api.nabla.com', patientIdClaim } = options;
    const door = openDoor(baseUrl);
    const isCore = 'clientId' in options.serverKey.current;
    const method = isCore ? 'POST' : options.method;
    const path = isCore ? '/v1/core/server/jwt/authenticate' : '/v1/server/jwt/patient/authenticate';

    /** The Core API grants a client an access token for an hour; the server API key is used as it is. */
    const serverKey = credentials.serverKey.map((key): AccessTokenKeeper => {
      if (!('clientId' in key)) return { use: (_operation, call) => call(key) };
      const grant = {
        path: '/v1/core/server/oauth/token',
        encoding: 'json',
        authenticate: (nowMs: number) => ({
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: signClientAssertion({ ...key, audience: `${baseUrl}${grant.path}`, nowMs }),
        }),
        clock,
        advice:
          'Check `clientId`, and that Nabla has the public key of `privateKey` for this client, under `keyId` if set.',
      } as const;
      // Calls share the grant, so it has an operation of its own, which no call can end for the others.
      return createAccessTokenKeeper(() => requestClientCredentialsToken(door.begin(), grant), clock);
    });

    const authenticate = (operation: Operation, userId: string, token: Secret): Promise<VendorResponse> =>
      operation.send({
        method,
        path: `${path}/${encodePathSegment(userId)}`,
        headers: { authorization: `Bearer ${token.reveal()}` },
        meanings: { 404: noPatient },
        repeatable: true,
      });
    const readTokens = (response: VendorResponse, userId: string): NablaPatientTokens => {
      const { access_token: accessToken, refresh_token: refreshToken } = readJson(response, tokensSchema);
      if (patientIdClaim !== undefined) {
        const patientId = readJwtPayload(accessToken.reveal())?.[patientIdClaim];
        if (!isSameIdentifier(patientId, userId)) throw invalidResponseError(vendor, 'other_user');
      }
      // Refuses an expired refresh token: an app that received it would request the next one at once, again and again.
      remainingLifeSeconds(response, refreshToken);
      const expiresInSeconds =
        remainingLifeSeconds(response, accessToken, maxLifetimeSeconds) ?? defaultLifetimeSeconds;
      return { accessToken, refreshToken, expiresInSeconds };
    };

    return {
      authenticatePatient(userId, callOptions) {
        const operation = door.begin(callOptions);
        return serverKey.use(({ use }) =>
          use(operation, async (token) => readTokens(await authenticate(operation, userId, token), userId)),
        );
      },
      verify(callOptions) {
        const operation = door.begin(callOptions);
        return verifyCredentials({
          vendor,
          credential: 'serverKey',
          call: () =>
            serverKey.use(({ use }) => use(operation, (token) => authenticate(operation, unknownPatient, token))),
          callWithWrongKey: (wrongKey) => authenticate(operation, unknownPatient, wrongKey),
          advice: 'Check `baseUrl` and `method`.',
        });
      },
    };
  },
  abilities: (client) => ({
    issue: issueForUser({
      exchange: bearerToken('access_token'),
      lifetime: { minSeconds: refreshLifetimeSeconds },
      async issue({ vendorUserId, signal, caller }) {
        const tokens = await client.authenticatePatient(vendorUserId, { signal, caller });
        const { accessToken, refreshToken, expiresInSeconds } = tokens;
        return { fields: { access_token: accessToken, refresh_token: refreshToken }, expiresInSeconds };
      },
    }),
  }),
});

export type NablaOptions = z.input<typeof nabla.options>;

/**
 * Creates a client of Nabla's server API. Throws a `TypeError` that names each wrong option.
 *
 * @example
 * ```ts
 * import { createNablaClient } from '@valetkey/vendor-clients';
 *
 * const nabla = createNablaClient({ serverKey: process.env.NABLA_SERVER_KEY ?? '' });
 * const { accessToken, refreshToken } = await nabla.authenticatePatient('patient-id');
 * ```
 */
export function createNablaClient(options: NablaOptions, dependencies?: ClientDependencies): NablaClient {
  return nabla.createClient(options, dependencies);
}
