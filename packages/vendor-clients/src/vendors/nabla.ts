import {
  Secret,
  secretSlotsSchema,
  systemClock,
  type CallOptions,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, type Answer, type StatusMeanings } from '../door/answer.ts';
import { rsaPrivateKeySchema, signClientAssertion } from '../client-assertion.ts';
import { requestClientCredentialsToken, type GrantedToken } from '../client-credentials.ts';
import { openDoor, type ClientEnvironment, type Door, type Operation } from '../door/door.ts';
import { encodePathSegment } from '../door/path-segment.ts';
import { remainingLifeSeconds, readJwtPayload } from '../jwt-payload.ts';
import { keepGrant, type KeptGrant } from '../kept-grant.ts';
import { useSecretSlots } from '../secret-slots.ts';
import { verifyByContrast } from '../verify-by-contrast.ts';
import { baseUrlSchema, parseOptions, timeoutMsSchema, tokenTextSchema } from '../vendor-options.ts';

const vendor = { id: 'nabla', title: 'Nabla' } as const;

const corePath = '/v1/core/server';

/** What Nabla's newer Core API wants in place of a key: a client that signs. */
const signingKeySchema = z.strictObject({
  privateKey: rsaPrivateKeySchema,
  /** The `kid` of the key, where the client's keys are published as a JWK Set. */
  keyId: z.string().min(1).optional(),
});

const serverClientSchema = signingKeySchema.extend({
  /** The OAuth client's UUID. */
  clientId: z.string().trim().min(1),
  /**
   * The key that is tried when Nabla refuses the other one. Where the client's key is not published as a JWK Set, a new
   * key is a new client at Nabla, with a `clientId` of its own.
   */
  next: signingKeySchema.extend({ clientId: z.string().trim().min(1).optional() }).optional(),
});

const optionsSchema = z
  .strictObject({
    /**
     * What the server API takes from a backend, either of its two generations: the server API key token (`server_…`),
     * or a client of the Core API. Either reads and writes everything of the organisation.
     */
    serverKey: z.union([secretSlotsSchema, serverClientSchema]),
    /** Default: `https://api.nabla.com`. The Core API has a host for each region and no default. */
    baseUrl: baseUrlSchema.optional(),
    /** Nabla's documentation shows the call as a curl without a method, which is a GET. The Core API's is a POST. */
    method: z.enum(['GET', 'POST']).default('GET'),
    /**
     * The claim of the access token that names the patient. Nabla documents none; where it is set, tokens of another
     * patient are refused.
     */
    patientIdClaim: z.string().min(1).optional(),
    timeoutMs: timeoutMsSchema,
  })
  .refine(({ serverKey, baseUrl }) => !('clientId' in serverKey) || baseUrl !== undefined, {
    path: ['baseUrl'],
    error:
      "must be the region's host for a client of the Core API: https://us.api.nabla.com or https://eu.api.nabla.com",
  });

export type NablaOptions = z.input<typeof optionsSchema>;

/** A patient's tokens. Both belong to that patient alone: hand them to the patient's app and keep neither. */
export interface NablaPatientTokens {
  readonly accessToken: Secret;
  readonly refreshToken: Secret;
  /** Life of the access token from receipt, in seconds. */
  readonly expiresInSeconds: number;
}

export interface NablaClient {
  /**
   * Gets fresh tokens for a patient (`jwt/patient/authenticate/:user_id`; of the Core API, `jwt/authenticate/:user_id`).
   *
   * Throws `vendor_user_not_found` for a patient that Nabla does not know.
   */
  readonly authenticatePatient: (userId: string, options?: CallOptions) => Promise<NablaPatientTokens>;
  readonly verify: (options?: CallOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Life of an access token that does not say it: Nabla's documentation names five minutes. */
const usualLifetimeSeconds = 300;

/** No patient has this id, so asking for it tells whether the server key is taken and issues nothing. */
const nobody = '00000000-0000-0000-0000-000000000000';
const wrongKey = new Secret('valetkey-verify-wrong-key');

const tokensSchema = z.object({ access_token: tokenTextSchema, refresh_token: tokenTextSchema });

const patientStatuses: StatusMeanings = {
  404: { code: 'vendor_user_not_found', detail: 'Nabla has no patient with this id.' },
};

/**
 * Makes a client of Nabla's server API. Throws a `TypeError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createNablaClient } from '@valetkey/vendor-clients';
 *
 * const nabla = createNablaClient({ serverKey: process.env.NABLA_SERVER_KEY ?? '' });
 * const { accessToken, refreshToken } = await nabla.authenticatePatient('patient-id');
 * ```
 */
export function createNablaClient(options: NablaOptions, environment?: ClientEnvironment): NablaClient {
  return connect(parseOptions(vendor.title, optionsSchema, options), environment);
}

type OnSwitch = Parameters<typeof useSecretSlots>[1];

function connect(options: z.output<typeof optionsSchema>, environment: ClientEnvironment = {}): NablaClient {
  const { serverKey, baseUrl = 'https://api.nabla.com', patientIdClaim, timeoutMs } = options;
  const door = openDoor({ vendor, baseUrl, timeoutMs }, environment);
  const onSwitch: OnSwitch = (slot) =>
    environment.onEvent?.({ type: 'secret_switched', vendor: vendor.id, option: 'serverKey', slot });
  const server =
    'clientId' in serverKey
      ? {
          method: 'POST',
          path: `${corePath}/jwt/authenticate`,
          ...connectCore(serverKey, door, baseUrl, onSwitch, environment),
        }
      : {
          method: options.method,
          path: '/v1/server/jwt/patient/authenticate',
          ...connectStatic(serverKey, onSwitch),
        };

  const ask = async (operation: Operation, userId: string, key: Secret): Promise<Answer> => {
    const answer = await operation.send({
      method: server.method,
      path: `${server.path}/${encodePathSegment(userId)}`,
      headers: { authorization: `Bearer ${key.reveal()}`, accept: 'application/json' },
      repeatable: true,
    });
    if (answer.status !== 200) throw refusal(answer, patientStatuses);
    return answer;
  };

  const authenticatePatient: NablaClient['authenticatePatient'] = (userId, callOptions) => {
    const operation = door.begin(callOptions);
    return server.use(operation, async (key) => {
      const answer = await ask(operation, userId, key);
      const tokens = readJson(answer, tokensSchema);
      if (patientIdClaim !== undefined && readJwtPayload(tokens.access_token)?.[patientIdClaim] !== userId) {
        throw invalidAnswer(vendor, 'other_user');
      }
      // An app that is handed one which has ended asks again, and again.
      remainingLifeSeconds(answer, tokens.refresh_token);
      return {
        accessToken: new Secret(tokens.access_token),
        refreshToken: new Secret(tokens.refresh_token),
        expiresInSeconds: remainingLifeSeconds(answer, tokens.access_token) ?? usualLifetimeSeconds,
      };
    });
  };

  return {
    authenticatePatient,
    async verify(callOptions) {
      const operation = door.begin(callOptions);
      await verifyByContrast({
        vendor,
        ask: () => server.use(operation, (key) => ask(operation, nobody, key)),
        askWrongly: () => ask(operation, nobody, wrongKey),
        advice: 'Check `baseUrl` and `method`.',
      });
    },
    close: door.close,
  };
}

/** The static key is there at once, where the Core API's token may have to be waited for. */
function connectStatic(slots: z.output<typeof secretSlotsSchema>, onSwitch: OnSwitch): KeptGrant {
  const key = useSecretSlots(slots, onSwitch);
  return { use: (_operation, call) => key.use(call) };
}

/** The Core API takes an access token that it grants for an hour to a client that signs (RFC 7523). */
function connectCore(
  { clientId, next, ...current }: z.output<typeof serverClientSchema>,
  door: Door,
  baseUrl: string,
  onSwitch: OnSwitch,
  { clock = systemClock }: ClientEnvironment,
): KeptGrant {
  const path = `${corePath}/oauth/token`;
  const audience = `${baseUrl}${path}`;
  const keys = useSecretSlots(
    { current: { ...current, clientId }, next: next && { ...next, clientId: next.clientId ?? clientId } },
    onSwitch,
  );
  const request = (): Promise<GrantedToken> => {
    // For all who wait for it: none of them may end it for the others.
    const operation = door.begin();
    return keys.use((key) =>
      requestClientCredentialsToken(operation, {
        path,
        authenticate: () => ({
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: signClientAssertion({ ...key, audience, nowMs: clock.nowMs() }),
        }),
        advice: 'Check `clientId`, and that `privateKey` and `keyId` are of a key that Nabla knows this client by.',
        encoding: 'json',
      }),
    );
  };
  return keepGrant(request, clock);
}

/** Nabla: issues a patient's access and refresh tokens, fresh on every ask. */
export const nabla = {
  ...vendor,
  options: optionsSchema,
  credentials: ['serverKey'],
  create(options, environment?: ClientEnvironment): Vendor {
    const client = connect(options, environment);
    return {
      id: vendor.id,
      issue: {
        bound: 'user',
        parameters: z.strictObject({}),
        exchange: {
          field: 'access_token',
          issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
          tokenType: 'Bearer',
        },
        async issue({ vendorUserId, signal }) {
          const { accessToken, refreshToken, expiresInSeconds } = await client.authenticatePatient(vendorUserId, {
            signal,
          });
          return {
            kind: 'client',
            bound: 'user',
            vendor: vendor.id,
            fields: { access_token: accessToken, refresh_token: refreshToken },
            vendorUserId,
            expiresInSeconds,
          };
        },
      },
      verify: client.verify,
      close: client.close,
    };
  },
} as const satisfies VendorDefinition<typeof optionsSchema>;
