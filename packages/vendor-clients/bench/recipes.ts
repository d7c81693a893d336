import { createHmac, createPrivateKey, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { racePaces, type Contestant } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import { defineRecipe, type RecipeInput } from '../src/recipe/index.ts';

const operations = Number(process.env['BENCH_OPERATIONS'] ?? 2_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 31);
const life = 600;

const shared = {
  title: 'Rooms',
  options: { apiKey: { description: 'The API key.' } },
  parameters: { room: { description: 'The room.', from: 'policy', default: 'lobby' } },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: life, max: 3_600 },
} as const;

const claims = {
  video: { roomJoin: true, room: '{parameters.room}', canPublish: true },
  iss: '{options.apiKey}',
  exp: '{expiry}',
  nbf: '{now}',
  sub: '{user.id}',
};

function jwtRecipe(alg: 'HS256' | 'RS256'): RecipeInput {
  return {
    ...shared,
    id: alg.toLowerCase(),
    secrets: { key: { description: 'The key.', type: alg === 'HS256' ? 'text' : 'rsa-private-key' } },
    steps: [{ as: 'token', jwt: { header: { alg }, claims, key: '{secrets.key}' } }],
    answer: { token: { token: '{token}' }, expiry: 'asked' },
  };
}

const macRecipe: RecipeInput = {
  ...shared,
  id: 'mac',
  secrets: { key: { description: 'The key.' } },
  steps: [
    {
      as: 'mac',
      sign: {
        hmac: 'sha256',
        key: '{secrets.key}',
        message: '{options.apiKey}:{user.id}:{parameters.room | uri}:{expiry}',
        encoding: 'hex',
      },
    },
  ],
  answer: { token: { auth: '{mac}' }, expiry: 'asked' },
};

const secret = 'sample-secret-of-the-benchmark-0123456789';
const pem = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const keys = { HS256: createSecretKey(secret, 'utf8'), RS256: createPrivateKey(pem) };

function signByHand(alg: 'HS256' | 'RS256', userId: string): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const video = { roomJoin: true, room: 'lobby', canPublish: true };
  return new SignJWT({ video, iss: 'sample-key', exp: now + life, nbf: now, sub: userId })
    .setProtectedHeader({ alg })
    .sign(keys[alg]);
}

function macByHand(userId: string): string {
  const expiry = Math.floor(Date.now() / 1_000) + life;
  const message = `sample-key:${userId}:${encodeURIComponent('lobby')}:${expiry}`;
  return createHmac('sha256', secret).update(message).digest('hex');
}

const works = [
  {
    name: 'JWT, HS256',
    recipe: jwtRecipe('HS256'),
    key: secret,
    floor: 'jose',
    byHand: (id: string) => signByHand('HS256', id),
  },
  {
    name: 'JWT, RS256',
    recipe: jwtRecipe('RS256'),
    key: pem,
    floor: 'jose',
    byHand: (id: string) => signByHand('RS256', id),
  },
  { name: 'HMAC-SHA256', recipe: macRecipe, key: secret, floor: 'node:crypto', byHand: macByHand },
];

const rows: string[][] = [];
for (const { name, recipe, key, floor, byHand } of works) {
  const client = defineRecipe(recipe).createClient({ key, apiKey: 'sample-key' });
  const contestants: readonly Contestant[] = [
    { name: 'floor', prepare: () => (index) => byHand(`user-${index}`) },
    { name: 'ours', prepare: () => (index) => client.issue({ userId: `user-${index}` }) },
  ];
  const count = name.includes('RS256') ? Math.ceil(operations / 10) : operations;
  const paces = await racePaces(contestants, { rounds, operations: count, concurrency: 1 });
  await client.close();
  const rateOf = (contestant: string) => paces.get(contestant)?.rate ?? Number.NaN;
  const ratio = (rateOf('ours') / rateOf('floor')).toFixed(2);
  rows.push([
    `${name} (floor: ${floor})`,
    ...['floor', 'ours'].map((one) => Math.round(rateOf(one)).toLocaleString('en-US')),
    ratio,
  ]);
  process.stdout.write(
    `${name}: ours ${Math.round(rateOf('ours'))}, floor ${Math.round(rateOf('floor'))}, ratio ${ratio}\n`,
  );
}

writeSection(
  'recipes',
  `## Minting from a recipe (\`pnpm bench recipes\`)

${describeMachine()} Medians of ${rounds} rounds in which the contestants take turns, one token at a time. The floor calls the same library
with the same claims, written by hand. It reads no parameters and checks nothing.

${formatTable(['Tokens a second', 'floor', 'recipe', 'recipe / floor (promised: 0.9 for a JWT)'], rows)}`,
);
