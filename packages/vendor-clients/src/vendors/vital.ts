import {
  Secret,
  secretSlotsSchema,
  ValetKeyError,
  type CallOptions,
  type Vendor,
  type VendorDefinition,
} from '@valetkey/core-types';
import { z } from 'zod';
import { invalidAnswer, readJson, refusal, tryReadJson, type Answer } from '../door/answer.ts';
import { openDoor, type ClientEnvironment, type Operation } from '../door/door.ts';
import { encodePathSegment } from '../door/path-segment.ts';
import { useSecretSlots } from '../secret-slots.ts';
import { verifyByContrast } from '../verify-by-contrast.ts';
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

const errorSchema = z.object({ detail: z.union([z.string(), z.looseObject({}), z.array(z.unknown())]) });

/** A client user id that no person has. */
const nobody = 'valetkey-verify';

const wrongKey = new Secret('valetkey-verify-wrong-key');

interface VitalCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** Default: true. Creating a user twice meets the conflict that we adopt; a second sign-in token harms nobody. */
  readonly repeatable?: boolean;
}

const usersPath = '/v2/user';

function pathOf(userId: string): string {
  return `${usersPath}/${encodePathSegment(userId)}`;
}

function lookUp(clientUserId: string): VitalCall {
  return { method: 'GET', path: `${usersPath}/resolve/${encodePathSegment(clientUserId)}` };
}

/** A 404 about a user, in the shape of Vital's errors, says that there is none; any other is somebody else's on the way. */
function refusalOf(answer: Answer, { path }: VitalCall): ValetKeyError {
  const isAboutUser = answer.status === 404 && path !== usersPath && tryReadJson(answer, errorSchema).success;
  if (!isAboutUser) return refusal(answer);
  return new ValetKeyError('vendor_user_not_found', 'Vital has no such user.', {
    vendor: vendor.id,
    reason: 'status_404',
  });
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

  /** Sends a call. An answer of any status but those in `expected` is an error. */
  const sendWith = async (key: Secret, operation: Operation, call: VitalCall, expected = [200]): Promise<Answer> => {
    const { method, path, body, repeatable = true } = call;
    const answer = await operation.send({
      method,
      path,
      headers: {
        'x-vital-api-key': key.reveal(),
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
      repeatable,
    });
    if (!expected.includes(answer.status)) throw refusalOf(answer, call);
    return answer;
  };
  const send = (operation: Operation, call: VitalCall, expected?: number[]): Promise<Answer> =>
    apiKey.use((key) => sendWith(key, operation, call, expected));

  /** Reads a user; one that is not the one we asked for is not passed on. */
  const readUser = (answer: Answer, asked: { userId?: string | undefined; clientUserId?: string }): VitalUser => {
    const { user_id: userId, client_user_id: clientUserId } = readJson(answer, userSchema);
    const isOther = (asked.userId ?? userId) !== userId || (asked.clientUserId ?? clientUserId) !== clientUserId;
    if (isOther) throw invalidAnswer(vendor, 'other_user');
    return { userId, clientUserId };
  };

  return {
    async ensureUser(clientUserId, callOptions) {
      const operation = door.begin(callOptions);
      const creation = { method: 'POST', path: usersPath, body: { client_user_id: clientUserId } } as const;
      const answer = await send(operation, creation, [200, 201, 400]);
      if (answer.status !== 400) return { ...readUser(answer, { clientUserId }), created: true };
      // Somebody was here before us, perhaps we ourselves. The conflict names a user and not whose it is; taken at its
      // word, a wrong one would be this person's for good.
      const conflict = tryReadJson(answer, conflictSchema);
      const known = await send(operation, lookUp(clientUserId), [200, 404]);
      if (known.status === 404) throw refusal(answer);
      const userId = conflict.success ? conflict.data.detail.user_id : undefined;
      return { ...readUser(known, { userId, clientUserId }), created: false };
    },

    async resolveUser(clientUserId, callOptions) {
      return readUser(await send(door.begin(callOptions), lookUp(clientUserId)), { clientUserId });
    },

    async getUser(userId, callOptions) {
      return readUser(await send(door.begin(callOptions), { method: 'GET', path: pathOf(userId) }), { userId });
    },

    async createSignInToken(userId, callOptions) {
      const call = { method: 'POST', path: `${pathOf(userId)}/sign_in_token` } as const;
      const { user_id, sign_in_token } = readJson(await send(door.begin(callOptions), call), signInTokenSchema);
      if (user_id !== userId) throw invalidAnswer(vendor, 'other_user');
      return { userId, signInToken: new Secret(sign_in_token) };
    },

    async deleteUser(userId, callOptions) {
      // Of two deletions the second finds nobody, and would deny the first.
      await send(door.begin(callOptions), { method: 'DELETE', path: pathOf(userId), repeatable: false });
    },

    async undoDeleteUser(userId, callOptions) {
      const path = `${usersPath}/undo_delete?user_id=${encodeURIComponent(userId)}`;
      await send(door.begin(callOptions), { method: 'POST', path, repeatable: false });
    },

    async verify(callOptions) {
      const operation = door.begin(callOptions);
      await verifyByContrast({
        vendor,
        ask: () => send(operation, lookUp(nobody)),
        askWrongly: () => sendWith(wrongKey, operation, lookUp(nobody)),
        advice: 'Check `baseUrl`.',
      });
    },

    close: door.close,
  };
}

/** Vital (Junction): finds or creates the person's user and issues the sign-in token that its SDK takes once. */
export const vital = {
  ...vendor,
  options: optionsSchema,
  credentials: ['apiKey'],
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
