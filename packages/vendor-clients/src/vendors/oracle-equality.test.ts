import { generateKeyPairSync } from 'node:crypto';
import { Secret, type IssuedToken } from '@valetkey/core-types';
import { compactVerify } from 'jose';
import { expect, test } from 'vitest';
import { defineRecipe } from '../recipe/define-recipe.ts';
import type { RecipeInput } from '../recipe/recipe-schema.ts';
import { generatedSecret, readFixtures, type FixtureCase } from '../testing/oracle-fixtures.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { ablyRecipe } from './ably/ably.recipe.ts';
import { algoliaRecipe } from './algolia/algolia.recipe.ts';
import { firebaseRecipe } from './firebase/firebase.recipe.ts';
import { livekitRecipe } from './livekit/livekit.recipe.ts';
import { meilisearchRecipe } from './meilisearch/meilisearch.recipe.ts';
import { pusherChannelRecipe } from './pusher/pusher-channel.recipe.ts';
import { pusherPresenceRecipe } from './pusher/pusher-presence.recipe.ts';
import { pusherUserRecipe } from './pusher/pusher-user.recipe.ts';
import { twilioConversationsRecipe } from './twilio/twilio-conversations.recipe.ts';
import { twilioSyncRecipe } from './twilio/twilio-sync.recipe.ts';
import { twilioVideoRecipe } from './twilio/twilio-video.recipe.ts';
import { twilioVoiceRecipe } from './twilio/twilio-voice.recipe.ts';
import { typesenseRecipe } from './typesense/typesense.recipe.ts';

type Row = readonly [recipe: RecipeInput, vendor: string, fields?: readonly string[]];

/**
 * The recipes that must equal the fixtures of their id, and the folder of the vendor. `fields` are those of the object that the SDK
 * returns, in its order.
 */
const rows: readonly Row[] = [
  [ablyRecipe, 'ably'],
  [algoliaRecipe, 'algolia'],
  [firebaseRecipe, 'firebase'],
  [livekitRecipe, 'livekit'],
  [meilisearchRecipe, 'meilisearch'],
  [pusherChannelRecipe, 'pusher', ['auth']],
  [pusherPresenceRecipe, 'pusher', ['channel_data', 'auth']],
  [pusherUserRecipe, 'pusher', ['auth', 'user_data']],
  [twilioConversationsRecipe, 'twilio'],
  [twilioSyncRecipe, 'twilio'],
  [twilioVideoRecipe, 'twilio'],
  [twilioVoiceRecipe, 'twilio'],
  [typesenseRecipe, 'typesense'],
];

const cases = rows.flatMap(([recipe, vendor, fields]) =>
  casesOf(vendor, recipe.id).map((given) => [`${recipe.id}: ${given.title}`, recipe, given, fields] as const),
);

function casesOf(vendor: string, id: string): readonly FixtureCase[] {
  const fixture = readFixtures(vendor).find((each) => each.product === id);
  if (fixture === undefined) throw new Error(`There are no fixtures of ${id}.`);
  return fixture.cases;
}

const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Issues a token at the moment of a case. A parameter of the operator is set in the connection, the others by the caller. */
async function issue(data: RecipeInput, given: FixtureCase): Promise<IssuedToken> {
  const { recipe, createClient } = defineRecipe(data);
  const isOfPolicy = ([name]: readonly [string, unknown]) => recipe.parameters[name]?.from === 'policy';
  const entries = Object.entries(given.parameters);
  const set = Object.fromEntries(entries.filter(isOfPolicy));
  const secrets = Object.entries(given.secrets).map(([name, text]) => [
    name,
    text === generatedSecret ? privateKey : text,
  ]);
  const connection = { ...Object.fromEntries(secrets), ...given.options, ...(entries.some(isOfPolicy) && { set }) };
  const client = createClient(connection, {
    clock: createVirtualClock(given.nowSeconds * 1_000),
    ...(given.randomHex !== undefined && { createUuid: () => String(given.randomHex) }),
  });
  const token = await client.issue({
    userId: given.userId,
    parameters: Object.fromEntries(entries.filter((entry) => !isOfPolicy(entry))),
    expiresInSeconds: given.lifeSeconds,
  });
  await client.close();
  return token;
}

/** Returns every field of a token as it is sent. */
function reveal({ fields }: IssuedToken): Readonly<Record<string, string>> {
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]));
}

function decode(part = ''): string {
  return Buffer.from(part, 'base64url').toString();
}

/** Returns what the recipe gave, in the form of the fixture. Rejects if a JWT's signature is wrong. */
async function formOf(text: string, given: FixtureCase): Promise<object> {
  if ('text' in given) return { text };
  if (!('jwt' in given)) throw new Error('This case is a request.');
  const [secret = ''] = Object.values(given.secrets);
  const isGenerated = secret === generatedSecret;
  await compactVerify(text, isGenerated ? pair.publicKey : Buffer.from(secret));
  const [header, payload, signature] = text.split('.');
  return { jwt: { header: decode(header), payload: decode(payload), ...(!isGenerated && { signature }) } };
}

test.each(cases)('%s equals what the official SDK gives, byte for byte', async (_, recipe, given, names) => {
  const fields = reveal(await issue(recipe, given));
  const [first = ''] = Object.keys(recipe.answer.token);
  const text =
    names === undefined ? fields[first] : JSON.stringify(Object.fromEntries(names.map((name) => [name, fields[name]])));
  expect(given).toMatchObject(await formOf(text ?? '', given));
});
