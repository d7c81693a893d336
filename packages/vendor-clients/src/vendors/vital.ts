import {
  Secret,
  secretSlotsSchema,
  ValetKeyError,
  type CallOptions,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, tryReadJson, type Answer, type StatusMeanings } from '../door/answer.ts';
import { openDoor, type ClientEnvironment } from '../door/door.ts';
import { encodePathSegment } from '../door/path-segment.ts';
import { useSecretSlots } from '../secret-slots.ts';
import { baseUrlSchema, parseOptions, timeoutMsSchema, tokenTextSchema } from '../vendor-options.ts';

const vendor = { id: 'vital', title: 'Vital' } as const;

const keyPrefixes = { sandbox: 'sk', production: 'pk' } as const;

const hosts = {
  sandbox: { us: 'https://api.sandbox.us.junction.com', eu: 'https://api.sandbox.eu.junction.com' },
  production: { us: 'https://api.us.junction.com', eu: 'https://api.eu.junction.com' },
} as const;

/** Those of before September 2025, under Vital's old name; they still answer. */
const legacyHosts = {
  sandbox: { us: 'https://api.sandbox.tryvital.io', eu: 'https://api.sandbox.eu.tryvital.io' },
  production: { us: 'https://api.tryvital.io', eu: 'https://api.eu.tryvital.io' },
} as const;

function isHostOfAnother(baseUrl: string | undefined, environment: keyof typeof hosts, region: 'us' | 'eu'): boolean {
  const known = [hosts, legacyHosts].flatMap((generation) => Object.values(generation).flatMap(Object.values<string>));
  const own: readonly string[] = [hosts[environment][region], legacyHosts[environment][region]];
  return baseUrl !== undefined && known.includes(baseUrl) && !own.includes(baseUrl);
}

const optionsSchema = z
  .strictObject({
    /** A team API key. Its prefix says which environment and region it is for. */
    apiKey: secretSlotsSchema,
    environment: z.enum(['sandbox', 'production']),
    region: z.enum(['us', 'eu']),
    /** In place of Junction's host for the environment and region. */
    baseUrl: baseUrlSchema.optional(),
    timeoutMs: timeoutMsSchema,
  })
  .superRefine(({ apiKey, environment, region, baseUrl }, context) => {
    if (isHostOfAnother(baseUrl, environment, region)) {
      context.addIssue({
        code: 'custom',
        path: ['baseUrl'],
        message: `is Junction's host for another environment or region than ${environment} in ${region}`,
      });
    }
    const prefix = `${keyPrefixes[environment]}_${region}_`;
    for (const slot of ['current', 'next'] as const) {
      if (apiKey[slot]?.reveal().startsWith(prefix) === false) {
        const path = apiKey.next === undefined ? ['apiKey'] : ['apiKey', slot];
        context.addIssue({
          code: 'custom',
          path,
          message: `must start with ${prefix} for ${environment} in ${region}`,
        });
      }
    }
  });

export type VitalOptions = z.input<typeof optionsSchema>;

/** A user of the team. */
export interface VitalUser {
  readonly userId: string;
  /** Our name for the person. */
  readonly clientUserId: string;
}

/** Signs a person's app in at Vital, once and at once: how long it lives, Vital does not publish. */
export interface VitalSignInToken {
  readonly userId: string;
  readonly signInToken: Secret;
}

export interface VitalClient {
  /** Finds or creates the user of `clientUserId`. However often and however concurrently it is asked, one user exists. */
  readonly ensureUser: (clientUserId: string, options?: CallOptions) => Promise<VitalUser & { created: boolean }>;
  /** Finds a user by our name for the person. Throws `vendor_user_not_found`. */
  readonly resolveUser: (clientUserId: string, options?: CallOptions) => Promise<VitalUser>;
  /** Throws `vendor_user_not_found`. */
  readonly getUser: (userId: string, options?: CallOptions) => Promise<VitalUser>;
  /** Throws `vendor_user_not_found`. */
  readonly createSignInToken: (userId: string, options?: CallOptions) => Promise<VitalSignInToken>;
  /** Deletes a user; for seven days it can be undone. Throws `vendor_user_not_found`. */
  readonly deleteUser: (userId: string, options?: CallOptions) => Promise<void>;
  /** Throws `vendor_user_not_found`. */
  readonly undoDeleteUser: (userId: string, options?: CallOptions) => Promise<void>;
  readonly verify: (options?: CallOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

const identifierSchema = z.string().min(1).max(255);

const userSchema = z.object({ user_id: identifierSchema, client_user_id: z.string() });

const conflictSchema = z.object({ detail: z.object({ user_id: identifierSchema }) });

const signInTokenSchema = z.object({ user_id: identifierSchema, sign_in_token: tokenTextSchema });

const userStatuses: StatusMeanings = {
  404: { code: 'vendor_user_not_found', detail: 'Vital has no such user.' },
};

/** A client user id that no person has: whether Vital can look for it tells whether it takes the key. */
const nobody = 'valetkey-verify';

function resolvePathOf(clientUserId: string): string {
  return `/v2/user/resolve/${encodePathSegment(clientUserId)}`;
}

/**
 * Makes a client of Vital's API, now named Junction. Throws a `TypeError` for options that cannot work, such as a key
 * of another environment or region.
 *
 * @example
 * ```ts
 * import { createVitalClient } from '@valetkey/vendor-clients';
 *
 * const vital = createVitalClient({ apiKey: process.env.VITAL_API_KEY ?? '', environment: 'sandbox', region: 'us' });
 * const { userId } = await vital.ensureUser('our-user-id');
 * const { signInToken } = await vital.createSignInToken(userId);
 * ```
 */
export function createVitalClient(options: VitalOptions, environment?: ClientEnvironment): VitalClient {
  return connect(parseOptions(vendor.title, optionsSchema, options), environment);
}

function connect(options: z.output<typeof optionsSchema>, environment: ClientEnvironment = {}): VitalClient {
  const { baseUrl = hosts[options.environment][options.region], timeoutMs } = options;
  const door = openDoor({ vendor, baseUrl, timeoutMs }, environment);
  const apiKey = useSecretSlots(options.apiKey, (slot) =>
    environment.onEvent?.({ type: 'secret_switched', vendor: vendor.id, option: 'apiKey', slot }),
  );

  /** Sends a call with the key. An answer of any status but those in `expected` is an error. */
  const send = (
    method: string,
    path: string,
    { signal, body, expected = [200] }: CallOptions & { body?: object; expected?: readonly number[] } = {},
  ): Promise<Answer> =>
    apiKey.use(async (key) => {
      const answer = await door.send({
        method,
        path,
        headers: {
          'x-vital-api-key': key.reveal(),
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        body: body && JSON.stringify(body),
        // Creating a user twice meets the conflict that we adopt; a second sign-in token harms nobody.
        repeatable: true,
        signal,
      });
      if (!expected.includes(answer.status)) throw refusal(answer, userStatuses);
      return answer;
    });

  /** Reads a user; one that is not the one we asked for is not passed on. */
  const readUser = (answer: Answer, asked: { userId?: string | undefined; clientUserId?: string }): VitalUser => {
    const { user_id: userId, client_user_id: clientUserId } = readJson(answer, userSchema);
    const isOther = (asked.userId ?? userId) !== userId || (asked.clientUserId ?? clientUserId) !== clientUserId;
    if (isOther) throw invalidAnswer(vendor, 'other_user');
    return { userId, clientUserId };
  };

  const client: VitalClient = {
    async ensureUser(clientUserId, { signal } = {}) {
      const body = { client_user_id: clientUserId };
      const answer = await send('POST', '/v2/user', { body, expected: [200, 201, 400], signal });
      if (answer.status !== 400) return { ...readUser(answer, { clientUserId }), created: true };
      // Somebody was here before us, perhaps we ourselves. The conflict names a user and not whose it is; taken at its
      // word, a wrong one would be this person's for good.
      const conflict = tryReadJson(answer, conflictSchema);
      const known = await send('GET', resolvePathOf(clientUserId), { expected: [200, 404], signal });
      if (known.status === 404) throw refusal(answer);
      const userId = conflict.success ? conflict.data.detail.user_id : undefined;
      return { ...readUser(known, { userId, clientUserId }), created: false };
    },

    async resolveUser(clientUserId, callOptions) {
      return readUser(await send('GET', resolvePathOf(clientUserId), callOptions), { clientUserId });
    },

    async getUser(userId, callOptions) {
      return readUser(await send('GET', `/v2/user/${encodePathSegment(userId)}`, callOptions), { userId });
    },

    async createSignInToken(userId, callOptions) {
      const answer = await send('POST', `/v2/user/${encodePathSegment(userId)}/sign_in_token`, callOptions);
      const { user_id, sign_in_token } = readJson(answer, signInTokenSchema);
      if (user_id !== userId) throw invalidAnswer(vendor, 'other_user');
      return { userId, signInToken: new Secret(sign_in_token) };
    },

    async deleteUser(userId, callOptions) {
      await send('DELETE', `/v2/user/${encodePathSegment(userId)}`, callOptions);
    },

    async undoDeleteUser(userId, callOptions) {
      await send('POST', `/v2/user/undo_delete?user_id=${encodeURIComponent(userId)}`, callOptions);
    },

    async verify({ signal } = {}) {
      await send('GET', resolvePathOf(nobody), { signal, expected: [200, 404] });
    },

    close: door.close,
  };
  return client;
}

/** Vital (Junction): finds or creates the person's user and issues the sign-in token that its SDK takes once. */
export const vital = {
  ...vendor,
  options: optionsSchema,
  create(options, environment?: ClientEnvironment): Vendor {
    const client = connect(options, environment);
    return {
      id: vendor.id,
      users: {
        async ensureUser(externalId, callOptions) {
          const { userId, created } = await client.ensureUser(externalId, callOptions);
          return { vendorUserId: userId, created };
        },
      },
      issue: {
        bound: 'user',
        parameters: z.strictObject({}),
        // The type under which Vital's own SDKs hand it in.
        exchange: { field: 'sign_in_token', issuedTokenType: 'urn:junction:sign-in-token', tokenType: 'N_A' },
        async issue({ vendorUserId, signal }) {
          if (vendorUserId === undefined) {
            throw new ValetKeyError('vendor_user_not_found', 'This user has no user at Vital.', { vendor: vendor.id });
          }
          const { signInToken } = await client.createSignInToken(vendorUserId, { signal });
          return {
            kind: 'client',
            bound: 'user',
            vendor: vendor.id,
            fields: {
              user_id: vendorUserId,
              sign_in_token: signInToken,
              environment: options.environment,
              region: options.region,
            },
            vendorUserId,
          };
        },
      },
      verify: client.verify,
      close: client.close,
    };
  },
} as const satisfies VendorDefinition<typeof optionsSchema>;
