import {
  baseUrlSchema,
  defineVendor,
  encodePathSegment,
  invalidResponseError,
  issueForUser,
  readJson,
  secretCredential,
  tokenSchema,
  verifyCredentials,
  z,
  type DoorCall,
  type Operation,
  type Secret,
} from '@valetkey/vendor-clients/kit';

const userSchema = z.object({ id: z.string().min(1), external_id: z.string() });
const tokenResponseSchema = z.object({ user_id: z.string(), token: tokenSchema, expires_in: z.int().positive() });

const noUser = { code: 'vendor_user_not_found', detail: 'Acme has no such user.' } as const;

/** Every call of this client may be repeated: creating a user twice results in one user, and a second token does no harm. */
function send(key: Secret, operation: Operation, call: Omit<DoorCall, 'headers' | 'repeatable'>) {
  return operation.send({ ...call, headers: { authorization: `Bearer ${key.reveal()}` }, repeatable: true });
}

/** Acme: finds or creates the user and issues a short-lived token for it. */
export const acme = defineVendor({
  id: 'acme',
  title: 'Acme',
  credentials: { apiKey: secretCredential('The API key of the Acme dashboard.') },
  options: {
    baseUrl: baseUrlSchema.default('https://api.acme.example').describe("The base URL of Acme's API."),
    expirySeconds: z.int().min(60).max(3_600).default(600).describe('The lifetime of a token, in seconds.'),
  },
  connect({ vendor, options, credentials: { apiKey }, openDoor }) {
    const door = openDoor(options.baseUrl);
    return {
      async ensureUser(externalId: string, signal?: AbortSignal) {
        const operation = door.begin({ signal });
        const call = { method: 'POST', path: '/v1/users', json: { external_id: externalId }, expected: [200, 201] };
        const response = await apiKey.use((key) => send(key, operation, call));
        const { id, external_id } = readJson(response, userSchema);
        if (external_id !== externalId) throw invalidResponseError(vendor, 'other_user');
        return { vendorUserId: id, created: response.status === 201 };
      },
      async createToken(userId: string, signal?: AbortSignal) {
        const operation = door.begin({ signal });
        const json = { user_id: userId, expires_in: options.expirySeconds };
        const call = { method: 'POST', path: '/v1/tokens', json, meanings: { 404: noUser } };
        const response = await apiKey.use((key) => send(key, operation, call));
        const { user_id, token, expires_in: expiresInSeconds } = readJson(response, tokenResponseSchema);
        if (user_id !== userId) throw invalidResponseError(vendor, 'other_user');
        return { token, expiresInSeconds };
      },
      verify(callOptions) {
        const operation = door.begin(callOptions);
        const path = `/v1/users/${encodePathSegment('valetkey-verify')}`;
        const probe = { method: 'GET', path, meanings: { 404: noUser } };
        return verifyCredentials({
          vendor,
          credential: 'apiKey',
          call: () => apiKey.use((key) => send(key, operation, probe)),
          callWithWrongKey: (wrongKey) => send(wrongKey, operation, probe),
          advice: 'Check `baseUrl`.',
        });
      },
    };
  },
  abilities: (client) => ({
    users: { ensureUser: (externalId, callOptions) => client.ensureUser(externalId, callOptions?.signal) },
    issue: issueForUser({
      plainTextField: 'token',
      async issue({ vendorUserId, signal }) {
        const { token, expiresInSeconds } = await client.createToken(vendorUserId, signal);
        return { fields: { user_id: vendorUserId, token }, expiresInSeconds };
      },
    }),
  }),
});
