import { Secret, VendorSetupError, type IssueAbility, type VendorEvent } from '@valetkey/core-types';
import type { Pool } from 'undici';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { startVendorServer } from '../testing/vendor-server.ts';
import { secretCredential } from './credentials.ts';
import { defineVendor } from './define-vendor.ts';
import { issueForAccount, issueForUser } from './issue-ability.ts';
import { baseUrlSchema } from './option-schemas.ts';

const pools = vi.hoisted(() => ({ opened: 0 }));

/** Counts the socket pools that the network library creates. */
vi.mock(import('undici'), async (importOriginal) => {
  const undici = await importOriginal();
  class CountedPool extends undici.Pool {
    constructor(...given: ConstructorParameters<typeof Pool>) {
      super(...given);
      pools.opened += 1;
    }
  }
  return { ...undici, Pool: CountedPool };
});

const acme = defineVendor({
  id: 'acme',
  title: 'Acme',
  credentials: { apiKey: secretCredential('The API key.'), signature: secretCredential('The signing secret.') },
  options: {
    baseUrl: baseUrlSchema.describe('The base URL.'),
    seconds: z.int().default(60).describe('The lifetime.'),
    limits: z.strictObject({ seconds: z.int() }).optional().describe('The bounds.'),
  },
  check({ seconds, limits }, report) {
    if (limits !== undefined && limits.seconds < seconds) report('limits.seconds', 'must not be less than `seconds`');
  },
  connect({ vendor, options, credentials: { apiKey }, openDoor, clock }) {
    const doors = [openDoor(options.baseUrl), openDoor(`${options.baseUrl}/second`)] as const;
    const call = (door: (typeof doors)[number], path: string) => {
      const operation = door.begin();
      return apiKey.use((key) => operation.send({ method: 'GET', path, headers: { key: key.reveal() } }));
    };
    return {
      names: () => `${vendor.id} ${vendor.title} ${clock.nowMs()}`,
      token: async () => (await call(doors[0], '/token')).body.toString(),
      verify: async () => {
        await call(doors[1], '/verify');
        return { proven: [] };
      },
    };
  },
  abilities: (client, { vendor, options, credentials }) => ({
    issue: issueForUser({
      parameters: z.strictObject({ scope: z.string().default('all') }),
      async issue({ parameters, vendorUserId }) {
        const token = new Secret(await client.token());
        return { fields: { token, scope: parameters.scope, user: vendorUserId }, expiresInSeconds: options.seconds };
      },
    }),
    claims: [{ option: vendor.id, claim: credentials.apiKey.version }],
  }),
});

const keys = { apiKey: 'key-sandbox-only', signature: 'signature-sandbox-only' };
const optionsOf = (changes: Record<string, unknown> = {}) =>
  acme.options.parse({ ...keys, baseUrl: 'http://127.0.0.1:1', ...changes });
const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

test.each(['http://api.example.com', 'https://10.0.0.1', 'http://0.0.0.0', 'https://[::ffff:127.0.0.1]', 'not a URL'])(
  'a vendor whose door leads to %s cannot be created',
  (url) => {
    const careless = defineVendor({
      id: 'careless',
      title: 'Careless',
      credentials: {},
      options: {},
      connect({ openDoor }) {
        openDoor(url);
        return { verify: async () => ({ proven: [] }) };
      },
      abilities: () => ({}),
    });
    const create = (): unknown => careless.createClient({});
    expect(create).toThrow(/^Careless cannot be called: its URL (must|names a private address)/);
    expect(create).toThrow(VendorSetupError);
  },
);

test('a definition has its credentials, the declared options and `timeoutMs`', () => {
  expect(acme).toMatchObject({ id: 'acme', title: 'Acme', credentials: ['apiKey', 'signature'] });
  expect(Object.keys(acme.options.shape)).toEqual(['apiKey', 'signature', 'baseUrl', 'seconds', 'limits', 'timeoutMs']);
  expect(optionsOf()).toMatchObject({
    seconds: 60,
    timeoutMs: 5_000,
    apiKey: { current: expect.any(Secret) as unknown },
  });
});

test('the options become a JSON Schema in which every field has a description', () => {
  const { properties = {} } = z.toJSONSchema(acme.options, { io: 'input' });
  for (const [name, field] of Object.entries(properties)) {
    expect(field, name).toMatchObject({ description: expect.stringMatching(/^[A-Z].*\.$/) as unknown });
  }
});

test('the options can be extended, and keep the check across fields', () => {
  const extended = acme.options.safeExtend({ user: z.string() });
  const given = { ...keys, baseUrl: 'http://127.0.0.1:1', user: 'claim' };
  expect(extended.safeParse(given).success).toBe(true);
  expect(extended.safeParse({ ...given, limits: { seconds: 1 } }).error?.issues).toMatchObject([
    { path: ['limits', 'seconds'], message: 'must not be less than `seconds`' },
  ]);
});

test.each([
  [{ ...keys, baseUrl: 'http://127.0.0.1:1', limits: { seconds: 1 } }, 'limits.seconds: must not be less than'],
  [{ ...keys, baseUrl: 'http://10.0.0.1' }, 'baseUrl: must be an https URL'],
  [{ ...keys, baseUrl: 'http://127.0.0.1:1', typo: 'x' }, 'typo: is not a known field'],
  [{ ...keys, apiKey: 'a b', baseUrl: 'http://127.0.0.1:1' }, 'apiKey: must be printable ASCII'],
])('with the options %j, createClient throws a TypeError with the message %s', (options, message) => {
  const create = (): unknown => acme.createClient(options as Parameters<typeof acme.createClient>[0]);
  expect(create).toThrow(TypeError);
  expect(create).toThrow(VendorSetupError);
  expect(create).toThrow(`Acme cannot be set up: ${message}`);
});

test.each([
  [
    'throws an error',
    () => {
      throw new Error('canary');
    },
  ],
  ['is asynchronous', async () => Promise.reject(new Error('canary'))],
])('a vendor whose check %s refuses its options without the text of an error', (reason, check) => {
  const careless = defineVendor({
    id: 'careless',
    title: 'Careless',
    credentials: {},
    options: {},
    check,
    connect: () => ({ verify: async () => ({ proven: [] }) }),
    abilities: () => ({}),
  });
  expect(() => careless.createClient({})).toThrow(
    `Careless cannot be set up: cannot be checked, because \`check\` of this vendor ${reason}.`,
  );
});

test('createClient without credentials throws an error that names each of them', () => {
  const create = (): unknown => acme.createClient({ baseUrl: 'http://127.0.0.1:1' } as never);
  expect(create).toThrow(/^Acme cannot be set up: apiKey: .*; signature: .*\.$/);
});

test('a vendor and a client open no socket pool before the first call, and close all pools when they are closed', async () => {
  await using server = await startVendorServer({ text: 'token' });
  const options = optionsOf({ baseUrl: server.url });
  const vendor = acme.create(options);
  const client = acme.createClient({ ...keys, baseUrl: server.url });
  expect(pools.opened).toBe(0);
  await client.token();
  await client.token();
  expect(pools.opened).toBe(1);
  await vendor.verify?.();
  expect(pools.opened).toBe(2);
  expect(server.calls.map(({ path }) => path)).toEqual(['/token', '/token', '/second/verify']);
  await Promise.all([vendor.close(), client.close()]);
  await expect(client.token()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  await expect(vendor.verify?.()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(server.calls).toHaveLength(3);
});

test('connect receives the given clock and the names of the vendor', () => {
  const clock = { nowMs: () => 7, monotonicMs: () => 7 };
  const client = acme.createClient({ ...keys, baseUrl: 'http://127.0.0.1:1' }, { clock });
  expect(client.names()).toBe('acme Acme 7');
});

test('a user-bound ability issues fields and lifetime for a user, and parses its parameters strictly', async () => {
  await using server = await startVendorServer({ text: 'token-sandbox-only' });
  const vendor = acme.create(optionsOf({ baseUrl: server.url }));
  const issue = vendor.issue as IssueAbility<'user'>;
  expect(issue.parameters.safeParse({ other: 1 }).success).toBe(false);
  const token = await issue.issue({ principal, vendorUserId: 'user-1', parameters: issue.parameters.parse({}) });
  expect(token).toEqual({
    fields: { token: expect.any(Secret) as unknown, scope: 'all', user: 'user-1' },
    expiresInSeconds: 60,
  });
  await vendor.close();
});

test('an account-bound ability without parameters accepts only an empty body', async () => {
  const ability = issueForAccount({ issue: async () => ({ fields: { token: 'x' } }) });
  expect(ability.bound).toBe('account');
  expect(ability.parameters.safeParse({}).success).toBe(true);
  expect(ability.parameters.safeParse({ a: 1 }).success).toBe(false);
  const token = await ability.issue({ principal, parameters: {} });
  expect(token).toEqual({ fields: { token: 'x' } });
});

test('each slot of a credential can be tried alone, as the doctor does', async () => {
  await using server = await startVendorServer({ status: 401 }, {});
  const options = optionsOf({ baseUrl: server.url, apiKey: { current: 'one', next: 'two' } });
  const results = ['current', 'next'].map(async (slot) => {
    const vendor = acme.create({ ...options, apiKey: { current: options.apiKey[slot as 'current'] } });
    try {
      await vendor.verify?.();
    } finally {
      await vendor.close();
    }
  });
  expect((await Promise.allSettled(results)).map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(server.calls.map(({ headers }) => headers['key']).toSorted()).toEqual(['one', 'two']);
});

test('a switch to the other slot is reported with the vendor and the option', async () => {
  await using server = await startVendorServer({ status: 401 }, { text: 'token' });
  const events: VendorEvent[] = [];
  const client = acme.createClient(
    { ...keys, apiKey: { current: 'one', next: 'two' }, baseUrl: server.url },
    { onEvent: (event) => events.push(event) },
  );
  await client.token();
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'acme', option: 'apiKey', slot: 'next' }]);
  await client.close();
});

test('the version of a credential changes only with the credential, and does not reveal it', () => {
  const versionOf = (changes: Record<string, unknown>) => acme.create(optionsOf(changes)).claims?.[0]?.claim;
  expect(versionOf({})).toBe(versionOf({ signature: 'other', seconds: 30 }));
  expect(versionOf({})).not.toBe(versionOf({ apiKey: 'other' }));
  expect(versionOf({})).not.toContain(keys.apiKey);
});
