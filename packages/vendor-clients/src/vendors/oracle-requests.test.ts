import { readdirSync } from 'node:fs';
import { Secret, type IssuedToken, type Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { toVendor } from '../recipe/index.ts';
import { recipeSchema, type Recipe } from '../recipe/recipe-schema.ts';
import { compileValue } from '../recipe/template.ts';
import { readFixtures, type FixtureCase } from '../testing/oracle-fixtures.ts';
import { loadRecipes } from '../testing/recipe-connection.ts';
import { startVendorServer, type RecordedCall } from '../testing/vendor-server.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

type RequestCase = Extract<FixtureCase, { request: unknown }>;

const recipes = (await loadRecipes()).map((input) => recipeSchema.parse(input));
const recordings = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readFixtures(name))
  .flatMap(({ product, cases }) => cases.map((recorded) => ({ product, recorded })));

interface Proof {
  readonly name: string;
  readonly recipe: Recipe;
  readonly recorded: RequestCase;
}

const proofs: readonly Proof[] = recordings.flatMap(({ product, recorded }) => {
  const recipe = recipes.find(({ id }) => id === product);
  if (recipe === undefined || !('request' in recorded)) return [];
  return [{ name: `${product}: ${recorded.title}`, recipe, recorded }];
});

/** No vendor accepts these values, so that the recipe refuses them although the SDK sends them. */
const refused: ReadonlySet<string> = new Set([
  'elevenlabs-conversation: a token with hostile text as agent and as name',
  'elevenlabs-signed-url: a URL for an agent of hostile text',
  'stripe-account-session: a session of an account whose id is hostile text',
  'stripe-customer-session: a session of a customer whose id is hostile text',
  'stripe-ephemeral-key: a key of a customer whose id is hostile text',
  'stripe-terminal: a token for a location of hostile text',
]);

interface Expected {
  readonly fields: Readonly<Record<string, string>>;
  readonly expiresInSeconds?: number | undefined;
  readonly singleUse?: boolean | undefined;
}

/** What the caller receives for the response of a case. */
const answers: Readonly<Record<string, (recorded: RequestCase) => Expected>> = {
  deepgram: ({ lifeSeconds }) => ({
    fields: { access_token: 'sample-access-token' },
    expiresInSeconds: lifeSeconds,
  }),
  'elevenlabs-conversation': () => ({
    fields: { token: 'sample-token', conversation_id: 'conv_sample' },
    singleUse: true,
  }),
  'elevenlabs-signed-url': () => ({
    fields: { signed_url: 'wss://agents.example/conversation?signature=sample' },
    expiresInSeconds: 900,
    singleUse: true,
  }),
  'elevenlabs-token': ({ parameters }) => ({
    fields: { token: 'sample-token', token_type: String(parameters['token_type']) },
    expiresInSeconds: 900,
    singleUse: true,
  }),
  'openai-realtime': ({ lifeSeconds }) => ({
    fields: { value: 'sample-client-secret' },
    expiresInSeconds: lifeSeconds,
  }),
  'plaid-link': () => ({ fields: { link_token: 'sample-link-token' }, expiresInSeconds: 14_400, singleUse: true }),
  'stripe-account-session': ({ userId }) => ({
    fields: { client_secret: 'sample-client-secret', account: userId },
    expiresInSeconds: 3_600,
    singleUse: true,
  }),
  'stripe-customer-session': ({ userId }) => ({
    fields: { client_secret: 'sample-client-secret', customer: userId },
    expiresInSeconds: 3_600,
    singleUse: true,
  }),
  'stripe-ephemeral-key': ({ userId, response }) => ({
    fields: { secret: 'sample-ephemeral-key', ephemeral_key: JSON.stringify(response), customer: userId },
    expiresInSeconds: 3_600,
  }),
  'stripe-terminal': () => ({ fields: { secret: 'sample-connection-token' }, singleUse: true }),
};

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: {} };

/** Opens a connection whose operator sets what the case sets, and mints as the broker does. */
async function mint({ recipe, recorded }: Proof, baseUrl: string): Promise<IssuedToken> {
  const { secrets, options, parameters, lifeSeconds, nowSeconds, userId } = recorded;
  const entries = Object.entries(parameters);
  const of = (from: 'caller' | 'policy') => entries.filter(([name]) => recipe.parameters[name]?.from === from);
  const listed = of('caller').filter(([name]) => recipe.parameters[name]?.authorize === true);
  const set = Object.fromEntries(of('policy'));
  const allow = Object.fromEntries(listed.map(([name, value]) => [name, [value]]));
  const vendor = toVendor(recipe);
  const { issue, close } = vendor.create(
    vendor.options.parse({
      ...secrets,
      ...options,
      baseUrl,
      ...(lifeSeconds !== undefined && { expiresInSeconds: lifeSeconds }),
      ...(Object.keys(set).length > 0 && { set }),
      ...(listed.length > 0 && { allow }),
    }),
    { clock: createVirtualClock(nowSeconds * 1_000) },
  );
  try {
    const request = { principal: alice, parameters: Object.fromEntries(of('caller')) };
    if (issue?.bound === 'user') return await issue.issue({ ...request, vendorUserId: userId });
    if (issue?.bound === 'account') return await issue.issue(request);
    throw new Error('The recipe issues no token.');
  } finally {
    await close?.();
  }
}

/** The headers of every request, which no vendor reads as its own. */
const common = new Set(['accept', 'accept-encoding', 'connection', 'content-length', 'host', 'user-agent']);

function describeCall({ method, path, headers, body }: RecordedCall) {
  return {
    method,
    path,
    body,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !common.has(name))),
  };
}

function reveal({ fields, expiresInSeconds, singleUse }: IssuedToken): Expected {
  const texts = Object.entries(fields).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]);
  return { fields: Object.fromEntries(texts), expiresInSeconds, singleUse };
}

test.each(proofs.filter(({ name }) => !refused.has(name)))(
  'sends the request of the official SDK, and returns the fields of its response: $name',
  async (proof) => {
    const { recipe, recorded } = proof;
    const { origin, ...request } = recorded.request;
    const date = new Date(recorded.nowSeconds * 1_000).toUTCString();
    await using server = await startVendorServer({ headers: { date }, json: recorded.response });

    const token = await mint(proof, server.url);

    expect(server.calls.map(describeCall)).toEqual([request]);
    expect(compileValue(recipe.baseUrl ?? '')({ options: recorded.options })).toBe(origin);
    expect(reveal(token)).toEqual(answers[recipe.id]?.(recorded));
  },
);

test.each(proofs.filter(({ name }) => refused.has(name)))(
  'refuses a value that the vendor cannot accept, and sends nothing: $name',
  async (proof) => {
    await using server = await startVendorServer({ json: proof.recorded.response });
    await expect(mint(proof, server.url)).rejects.toMatchObject({
      name: expect.stringMatching(/^(ZodError|ValetKeyError)$/),
    });
    expect(server.calls).toEqual([]);
  },
);

test('every recipe with a request has a recording of the official SDK, or is known to have none', () => {
  const calling = recipes.filter(({ steps }) => steps.some((step) => 'http' in step)).map(({ id }) => id);
  const proven = new Set(proofs.map(({ recipe }) => recipe.id));
  expect(calling.filter((id) => !proven.has(id))).toEqual(['azure-openai-realtime', 'xai-realtime']);
  expect([...refused].filter((name) => !proofs.some((proof) => proof.name === name))).toEqual([]);
});
