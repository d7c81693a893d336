import { issueResponseSchema, problemSchema, sessionResponseSchema, type VendorSample } from '@valetkey/core-types';
import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
import { findRecipe, recipes } from '@valetkey/vendor-clients';
import { issuesTokens, sampleOf } from '@valetkey/vendor-clients/recipe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDevBroker } from '../support/dev-broker.ts';
import { findSecrets } from '../support/find-secrets.ts';
import { adminToken, startRecordingBroker } from '../support/recording-broker.ts';

const entries = Object.keys(recipes).flatMap((id) => {
  const vendor = findRecipe(id);
  if (vendor === undefined) throw new Error(`The catalog has no ${id}.`);
  return issuesTokens(vendor) ? [{ id, recipe: vendor.recipe, sample: sampleOf(vendor.recipe) }] : [];
});

function entryOf(id: string) {
  const entry = entries.find((one) => one.id === id);
  if (entry === undefined) throw new Error(`The catalog has no ${id}.`);
  return entry;
}

const sandbox = await createSandbox({ simulations: entries.map(({ sample }) => simulateRecipe(sample)) });
const issuers = sandbox.issuers.filter(({ issuer }) => issuer.endsWith('/idp'));
const connectionOf = (id: string) => sandbox.connections[id] ?? {};
/** The connections that list no value which a caller may set. */
const closed = entries.flatMap(({ id }) => {
  const { allow, ...options } = connectionOf(id);
  return allow === undefined ? [] : [[`${id}-closed`, { ...options, vendor: id }] as const];
});

const broker = await startRecordingBroker({
  listen: { port: 0 },
  admin: { port: 0, token: adminToken },
  store: { sqlite: ':memory:' },
  log: { level: 'trace' },
  issuers,
  vendors: Object.fromEntries([...entries.map(({ id }) => [id, connectionOf(id)] as const), ...closed]),
});
const responses: Record<string, string> = {};
let alice: string;
let bob: string;
beforeAll(async () => {
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  bob = await sandbox.mintUserToken({ sub: 'bob' });
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

async function issue(connection: string, token: string, parameters: VendorSample['parameters'] = {}) {
  const response = await broker.issue(connection, token, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(parameters),
  });
  const text = await response.text();
  responses[`response ${Object.keys(responses).length} of ${connection}`] =
    JSON.stringify([...response.headers]) + text;
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
}

test.each(entries)(
  'alice and bob receive tokens of $id through a running broker, each of their own if it names the user',
  async ({ id, recipe, sample }) => {
    const fields = Object.keys(recipe.answer.token);
    const ofAlice = await issue(id, alice, sample.parameters);
    const ofBob = await issue(id, bob, sample.parameters);
    expect([ofAlice.status, ofBob.status]).toEqual([200, 200]);
    expect(issueResponseSchema.parse(ofAlice.body)).toMatchObject({ vendor: id });
    expect(fields.map((name) => ofAlice.body[name])).toEqual(fields.map(() => expect.stringMatching(/./)));
    const shared = ['vendor_user_id', ...fields].filter((name) => ofAlice.body[name] === ofBob.body[name]);
    expect([recipe.binding, shared.length > 0]).not.toEqual(['user', true]);
  },
);

test.each(closed)('the connection %s lists no values, and refuses the value of a caller with 403', async (name) => {
  const { sample } = entryOf(name.slice(0, -'-closed'.length));
  const { status, body } = await issue(name, alice, sample.parameters);
  expect([status, problemSchema.parse(body).code]).toEqual([403, 'forbidden']);
});

const decided = entries.flatMap(({ id, recipe }) =>
  Object.entries(recipe.parameters).flatMap(([name, { from }]) => (from === 'policy' ? [[id, name] as const] : [])),
);
test.each(decided)(
  'a caller of %s who sends `%s`, which only the policy sets, is refused with 400',
  async (id, name) => {
    const { status, body } = await issue(id, alice, { ...entryOf(id).sample.parameters, [name]: 'x' });
    expect([status, problemSchema.parse(body).code]).toEqual([400, 'invalid_request']);
  },
);

test('no response, log, audit or error about the catalog contains a master secret', async () => {
  const secrets = entries.flatMap(({ id, sample }) =>
    Object.keys(sample.credentials).flatMap((name) => {
      const text = String(connectionOf(id)[name]);
      const lines = text.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
      return [...new Set([text, ...lines.slice(0, 2)])].map((part, index) => [`${id}.${name}.${index}`, part] as const);
    }),
  );
  expect(secrets.length).toBeGreaterThan(entries.length);
  expect(Object.keys(responses).length).toBeGreaterThan(2 * entries.length);
  expect(findSecrets(Object.fromEntries(secrets), { ...responses, ...(await broker.readRecords()) })).toEqual([]);
});

test('the session of a caller of valetkey dev lists every vendor of the catalog', async () => {
  const dev = await startDevBroker();
  try {
    const response = await dev.call('/v1/session', await dev.mintToken({ sub: 'alice' }));
    const { vendors } = sessionResponseSchema.parse(await response.json());
    for (const { id } of entries) expect(vendors[id]).toMatchObject({ vendor: id });
    expect(dev.catalog).toHaveLength(entries.length);
  } finally {
    await dev.close();
  }
});
