// Each recipe of the catalog against its simulation, which knows nothing but the recipe's data.
import { Secret, type IssuedToken } from '@valetkey/core-types';
import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
import { afterAll, expect, test } from 'vitest';
import { recipes } from './catalog.ts';
import { findRecipe } from './find-recipe.ts';
import { issuesTokens } from './recipe/define-recipe.ts';
import { sampleOf } from './recipe/sample.ts';

const samples = Object.keys(recipes).flatMap((id) => {
  const vendor = findRecipe(id);
  if (vendor === undefined) throw new Error(`The catalog has no ${id}.`);
  return issuesTokens(vendor) ? [{ id, vendor, sample: sampleOf(vendor.recipe) }] : [];
});
const sandbox = await createSandbox({ simulations: samples.map(({ sample }) => simulateRecipe(sample)) });
afterAll(() => sandbox.close());

type Entry = (typeof samples)[number];

function open({ id, vendor }: Entry, changes: object = {}) {
  const { user: _user, ...options } = sandbox.connections[id] ?? {};
  return vendor.create(vendor.options.parse({ ...options, ...changes }), {});
}

/** Returns the token of a person, whose user is created first if the recipe says how. */
async function mint(entry: Entry, subject: string, changes: object = {}): Promise<IssuedToken> {
  const { issue, users } = open(entry, changes);
  const principal = { issuer: 'https://id.example.com', subject, scopes: [], claims: {} };
  const parameters = issue?.parameters.parse(entry.sample.parameters);
  const vendorUserId = users === undefined ? subject : (await users.ensureUser(subject)).vendorUserId;
  if (issue === undefined) throw new Error('The recipe issues no token.');
  return issue.bound === 'user'
    ? issue.issue({ principal, vendorUserId, parameters: parameters as never })
    : issue.issue({ principal, parameters: parameters as never });
}

const secretsOf = ({ fields }: IssuedToken) =>
  Object.values(fields).flatMap((field) => (field instanceof Secret ? [field.reveal()] : []));

test.each(samples)(
  'the recipe $id mints tokens against its sample, and different ones for two users',
  async (entry) => {
    const [alice, bob] = [await mint(entry, 'alice'), await mint(entry, 'bob')];
    expect(secretsOf(alice)).not.toEqual([]);
    const { binding, answer } = entry.vendor.recipe;
    const areEqual = secretsOf(alice).join(' ') === secretsOf(bob).join(' ');
    expect([binding, areEqual]).not.toEqual(['user', true]);
    expect(alice.expiresInSeconds === undefined).toBe(answer.expiry === 'unknown');
  },
);

const calling = samples.filter(({ vendor }) => vendor.recipe.steps.some((step) => 'http' in step));
const textsOf = ({ sample }: Entry) => Object.keys(sample.credentials);
const wrongKeys = (entry: Entry) => Object.fromEntries(textsOf(entry).map((name) => [name, 'sandbox-only-wrong']));

test.each(calling)('the recipe $id recognizes that its simulation refuses a wrong key', async (entry) => {
  await expect(mint(entry, 'alice', wrongKeys(entry))).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});

test.each(calling.filter(({ vendor }) => vendor.recipe.verify !== undefined))(
  'the recipe $id proves its key at its simulation',
  async (entry) => {
    const { proven } = (await open(entry).verify?.()) ?? {};
    expect(proven).toEqual(textsOf(entry).map((name) => `\`${name}\` is accepted`));
    await expect(open(entry, wrongKeys(entry)).verify?.()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  },
);

test.each(samples.filter(({ vendor }) => vendor.recipe.revoke !== undefined))(
  'the recipe $id withdraws the tokens of a user at its simulation, which refuses a wrong key',
  async (entry) => {
    await expect(open(entry).revoke?.('alice')).resolves.toBeUndefined();
    await expect(open(entry, wrongKeys(entry)).revoke?.('alice')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  },
);
