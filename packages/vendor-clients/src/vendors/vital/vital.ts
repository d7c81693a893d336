import { isSameIdentifier, ValetKeyError, type CallOptions, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { secretCredential } from '../../kit/credentials.ts';
import { defineVendor, type VendorClient, type WithoutClose } from '../../kit/define-vendor.ts';
import { encodePathSegment, type ClientDependencies, type DoorCall, type Operation } from '../../kit/door/door.ts';
import { refusalError, type StatusMeaning } from '../../kit/door/refusal.ts';
import {
  invalidResponseError,
  readJson,
  tokenSchema,
  tryReadJson,
  type VendorResponse,
} from '../../kit/door/response.ts';
import { issueForUser } from '../../kit/issue-ability.ts';
import { baseUrlSchema } from '../../kit/option-schemas.ts';
import { verifyCredentials } from '../../kit/verify-credentials.ts';

/** A user of the team. */
export interface VitalUser {
  readonly userId: string;
  /** The company's own id for the user. */
  readonly clientUserId: string;
}

/** A token that signs a user's app in at Vital, once. Vital does not document its lifetime. */
export interface VitalSignInToken {
  readonly userId: string;
  readonly signInToken: Secret;
}

/** A client of Vital's API. If a user does not exist, the methods reject with `vendor_user_not_found`. */
export interface VitalClient extends VendorClient {
  /** Finds or creates the user of `clientUserId`. Any number of calls, even concurrent ones, result in one user. */
  readonly ensureUser: (clientUserId: string, options?: CallOptions) => Promise<VitalUser & { created: boolean }>;
  readonly resolveUser: (clientUserId: string, options?: CallOptions) => Promise<VitalUser>;
  readonly getUser: (userId: string, options?: CallOptions) => Promise<VitalUser>;
  readonly createSignInToken: (userId: string, options?: CallOptions) => Promise<VitalSignInToken>;
  /** Deletes a user. It can be undone for seven days. */
  readonly deleteUser: (userId: string, options?: CallOptions) => Promise<void>;
  readonly undoDeleteUser: (userId: string, options?: CallOptions) => Promise<void>;
}

const keyPrefixes = { sandbox: 'sk', production: 'pk' };

/** Junction's hosts. Those under Vital's old name, from before September 2025, still respond. */
const knownHost = /^https:\/\/api\.(sandbox\.)?(?:(us|eu)\.junction\.com|(?:(eu)\.)?tryvital\.io)$/;

const identifierSchema = z.string().min(1).max(255);
const userSchema = z.object({ user_id: identifierSchema, client_user_id: z.string() });
const conflictSchema = z.object({ detail: z.object({ user_id: identifierSchema }) });
const signInTokenSchema = z.object({ user_id: identifierSchema, sign_in_token: tokenSchema });

/** The form of Vital's errors. A 404 of another form comes from a server on the way and says nothing about the user. */
const errorSchema = z.object({ detail: z.union([z.string(), z.looseObject({}), z.array(z.unknown())]) });

const noUser: StatusMeaning = {
  code: 'vendor_user_not_found',
  detail: 'Vital has no such user.',
  body: errorSchema,
};

const usersPath = '/v2/user';
const pathOf = (userId: string): string => `${usersPath}/${encodePathSegment(userId)}`;
const lookUp = (clientUserId: string): DoorCall => ({
  method: 'GET',
  path: `${usersPath}/resolve/${encodePathSegment(clientUserId)}`,
});

/** Most calls are repeatable: a second sign-in token does no harm, and creating a user twice results in a conflict. */
async function send(key: Secret, operation: Operation, call: DoorCall): Promise<VendorResponse> {
  const headers = { 'x-vital-api-key': key.reveal() };
  const response = await operation.send({ repeatable: true, meanings: { 404: noUser }, ...call, headers });
  // A page of another server must not count as proof that Vital accepted the key.
  if (response.status < 400) readJson(response, z.unknown());
  return response;
}

/** Reads a user. A response about another user is an error, so that it never reaches the caller. */
function readUser(
  response: VendorResponse,
  requested: { userId?: string | undefined; clientUserId?: string },
): VitalUser {
  const { user_id: userId, client_user_id: clientUserId } = readJson(response, userSchema);
  const isRequested = requested.userId === undefined || isSameIdentifier(requested.userId, userId);
  if (isRequested && (requested.clientUserId ?? clientUserId) === clientUserId) {
    return { userId, clientUserId };
  }
  throw invalidResponseError(response.vendor, 'other_user');
}

/** Vital (Junction): finds or creates the vendor user and issues the sign-in token that Vital's SDK accepts once. */
export const vital = defineVendor({
  id: 'vital',
  title: 'Vital',
  errorBody: errorSchema,
  credentials: {
    apiKey: secretCredential('An API key of the team at Junction. Its prefix names its environment and region.'),
  },
  options: {
    environment: z
      .enum(['sandbox', 'production'])
      .describe('The environment at Junction to which the API key belongs.'),
    region: z.enum(['us', 'eu']).describe('The region of Junction to which the API key belongs.'),
    baseUrl: baseUrlSchema
      .optional()
      .describe("The base URL of Junction's API. Absent: Junction's host for `environment` and `region`."),
  },
  check({ apiKey, environment, region, baseUrl }, report) {
    const [host, sandbox, hostRegion, legacyRegion = 'us'] = knownHost.exec(baseUrl ?? '') ?? [];
    const isOwn = (sandbox !== undefined) === (environment === 'sandbox') && (hostRegion ?? legacyRegion) === region;
    if (host !== undefined && !isOwn) {
      report('baseUrl', `is Junction's host for another environment or region than ${environment} in ${region}`);
    }
    const prefix = `${keyPrefixes[environment]}_${region}_`;
    for (const slot of ['current', 'next'] as const) {
      if (apiKey[slot]?.reveal().startsWith(prefix) !== false) continue;
      const field = apiKey.next === undefined ? 'apiKey' : `apiKey.${slot}`;
      report(field, `must start with ${prefix} for ${environment} in ${region}`);
    }
  },
  connect({ vendor, options, credentials: { apiKey }, openDoor }): WithoutClose<VitalClient> {
    const { environment, region } = options;
    const host = `https://api.${environment === 'sandbox' ? 'sandbox.' : ''}${region}.junction.com`;
    const door = openDoor(options.baseUrl ?? host);
    const run = (operation: Operation, call: DoorCall): Promise<VendorResponse> =>
      apiKey.use((key) => send(key, operation, call));

    return {
      async ensureUser(clientUserId, callOptions) {
        const operation = door.begin(callOptions);
        const creation = { method: 'POST', path: usersPath, json: { client_user_id: clientUserId }, meanings: {} };
        const response = await run(operation, { ...creation, expected: [200, 201, 400] });
        if (response.status !== 400) return { ...readUser(response, { clientUserId }), created: true };
        // The user exists, perhaps because an earlier attempt created it. The conflict names a user but not its
        // `client_user_id`, so the user is looked up: a wrong one would be stored as the user of this principal.
        const conflict = tryReadJson(response, conflictSchema);
        const found = await run(operation, { ...lookUp(clientUserId), expected: [200, 404] });
        if (found.status === 404) throw refusalError(response);
        const userId = conflict.success ? conflict.data.detail.user_id : undefined;
        return { ...readUser(found, { userId, clientUserId }), created: false };
      },
      async resolveUser(clientUserId, callOptions) {
        return readUser(await run(door.begin(callOptions), lookUp(clientUserId)), { clientUserId });
      },
      async getUser(userId, callOptions) {
        return readUser(await run(door.begin(callOptions), { method: 'GET', path: pathOf(userId) }), { userId });
      },
      async createSignInToken(userId, callOptions) {
        const call = { method: 'POST', path: `${pathOf(userId)}/sign_in_token` };
        const { user_id, sign_in_token } = readJson(await run(door.begin(callOptions), call), signInTokenSchema);
        if (!isSameIdentifier(user_id, userId)) throw invalidResponseError(vendor, 'other_user');
        return { userId, signInToken: sign_in_token };
      },
      async deleteUser(userId, callOptions) {
        // A repeated deletion would find no user and report a failure, although the first one succeeded.
        await run(door.begin(callOptions), { method: 'DELETE', path: pathOf(userId), repeatable: false });
      },
      async undoDeleteUser(userId, callOptions) {
        const path = `${usersPath}/undo_delete?user_id=${encodeURIComponent(userId)}`;
        await run(door.begin(callOptions), { method: 'POST', path, repeatable: false });
      },
      verify(callOptions) {
        const operation = door.begin(callOptions);
        const probe = lookUp('valetkey-verify');
        return verifyCredentials({
          vendor,
          credential: 'apiKey',
          call: () => run(operation, probe),
          callWithWrongKey: (wrongKey) => send(wrongKey, operation, probe),
          advice: 'Check `baseUrl`.',
        });
      },
    };
  },
  abilities(client, { options: { environment, region } }) {
    return {
      users: {
        async ensureUser(externalId, callOptions) {
          const { userId, created } = await client.ensureUser(externalId, callOptions);
          return { vendorUserId: userId, created };
        },
        async hasUser(vendorUserId, callOptions) {
          try {
            await client.getUser(vendorUserId, callOptions);
            return true;
          } catch (failure) {
            if (ValetKeyError.isInstance(failure) && failure.code === 'vendor_user_not_found') return false;
            throw failure;
          }
        },
      },
      issue: issueForUser({
        // The token type that Vital's own SDKs send.
        exchange: { field: 'sign_in_token', issuedTokenType: 'urn:junction:sign-in-token', tokenType: 'N_A' },
        async issue({ vendorUserId, signal, caller }) {
          const { signInToken } = await client.createSignInToken(vendorUserId, { signal, caller });
          return { fields: { user_id: vendorUserId, sign_in_token: signInToken, environment, region } };
        },
      }),
    };
  },
});

export type VitalOptions = z.input<typeof vital.options>;

/**
 * Creates a client of Vital's API, now named Junction. Throws a `TypeError` that names each wrong option, such as a key of
 * another environment or region.
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
export function createVitalClient(options: VitalOptions, dependencies?: ClientDependencies): VitalClient {
  return vital.createClient(options, dependencies);
}
