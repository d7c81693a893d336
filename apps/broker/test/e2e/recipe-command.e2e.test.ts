import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startValetkey } from '../support/valetkey-process.ts';

const acme = `
id: acme
title: Acme Rooms
secrets: { apiKey: { description: The key. } }
baseUrl: https://api.acme.example
parameters: { room: { description: The room., from: caller, authorize: true } }
subject: { characters: A-Za-z0-9_-, max: 36, otherwise: hash }
binding: user
keep: never
steps:
  - as: mint
    http:
      method: POST
      path: /tokens
      headers: { authorization: 'Bearer {secrets.apiKey}' }
      json: { room: '{parameters.room}', user: '{user.id}' }
answer: { token: { token: '{mint.token}' }, expiry: { in: '{mint.ttl}' } }
sample: { mint: { token: acme_5f2c, ttl: 60 } }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-recipe-'));
  await writeFile(join(folder, 'acme.yaml'), acme);
  await writeFile(
    join(folder, 'wrong.yaml'),
    acme.replace("'{user.id}'", "'{user.name}'").replace('keep: never', 'keep: account'),
  );
  await writeFile(join(folder, 'tokenless.yaml'), acme.replace('token: acme_5f2c, ', ''));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: readonly string[]) {
  await using child = startValetkey(['recipe', ...args], folder);
  return { exitCode: await child.exitCode, output: child.output() };
}

test('`valetkey recipe test` prints each step of a mint against the sample, without secrets', async () => {
  expect(await run('test', 'acme.yaml', '--parameter', 'room=lobby', '--user', 'bob')).toEqual({
    exitCode: 0,
    output: `1. mint: sends a request
  POST /tokens
  authorization: Bearer [redacted]
  content-type: application/json
  {"room":"lobby","user":"bob"}
  200 {"token":"[redacted]","ttl":60}
The app receives:
  token: [redacted]
  a life of 60 seconds
  the user is bob at the vendor
✓ acme.yaml can be used.
`,
  });
});

test('`valetkey recipe test --json` prints the same for programs, and problems with their places', async () => {
  const good = await run('test', 'acme.yaml', '--json');
  expect(good.exitCode).toBe(0);
  expect(JSON.parse(good.output)).toMatchObject({
    usable: true,
    id: 'acme',
    problems: [],
    answer: { expiresInSeconds: 60 },
  });
  const wrong = await run('test', 'wrong.yaml', '--json');
  expect(wrong.exitCode).toBe(1);
  expect(JSON.parse(wrong.output)).toMatchObject({
    usable: false,
    problems: expect.arrayContaining([
      { place: 'keep', rule: 'must be `never`: a token of one user may not be kept' },
      { place: 'steps.0.http.json.user', rule: 'reads user.name, which is not known here' },
    ]),
  });
});

test.each<[readonly string[], string]>([
  [['test', 'wrong.yaml'], '✗ keep: must be `never`: a token of one user may not be kept\n'],
  [['test', 'tokenless.yaml'], '✗ answer.token.token: finds no text in the sample\ntokenless.yaml cannot be used.\n'],
  [['test', 'absent.yaml'], 'absent.yaml: cannot be read (ENOENT)'],
  [['test', 'acme.yaml', '--set', 'a=b'], '✗ --set: names "a"; known are none\n'],
  [['test'], "missing required argument 'file'"],
])('`valetkey recipe %j` exits with 1 and says where the problem is', async (args, expected) => {
  const { exitCode, output } = await run(...args);
  expect(output).toContain(expected);
  expect(exitCode).toBe(1);
});

test('`valetkey recipe schema` prints the published JSON Schema', async () => {
  const { exitCode, output } = await run('schema');
  const file = new URL('../../../../packages/vendor-clients/recipe.schema.json', import.meta.url);
  expect(exitCode).toBe(0);
  expect(JSON.parse(output)).toEqual(JSON.parse(await readFile(file, 'utf8')));
});
