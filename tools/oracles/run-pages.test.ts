import { expect, test } from 'vitest';
import type { PageOracle } from './define-page.ts';
import { runPages } from './run-pages.ts';

const page = 'docs/vendors/acme.md';
const connections = ['acme'];

async function run(...pages: readonly PageOracle<string>[]) {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const code = await runPages({ pages, stage: 'the stage', readVersion: () => '1.0.0', print });
  return { code, lines };
}

test('prints one line about each SDK whose proofs pass', async () => {
  const stages: string[] = [];
  const prove = async (stage: string) => void stages.push(stage);

  expect(
    await run(
      { package: 'acme', page, connections, proofs: { one: prove, two: prove } },
      { package: 'b', page, connections, proofs: { one: prove } },
    ),
  ).toEqual({
    code: 0,
    lines: ['acme 1.0.0: 2 of 2 proofs', 'b 1.0.0: 1 of 1 proofs', 'pages: 2 client SDKs, 3 proofs, 0 failures'],
  });
  expect(stages).toEqual(['the stage', 'the stage', 'the stage']);
});

test('fails and names the SDK and the proof if one proof rejects, and runs the others', async () => {
  const proofs = {
    'sends the token': () => Promise.reject(new Error('It sent none.')),
    'sends it once': () => Promise.resolve(),
  };

  expect(await run({ package: 'acme', page, connections, proofs })).toEqual({
    code: 1,
    lines: [
      'acme 1.0.0, "sends the token": It sent none.',
      'acme 1.0.0: 1 of 2 proofs',
      'pages: 1 client SDKs, 2 proofs, 1 failure',
    ],
  });
});

test('fails if there is nothing to prove', async () => {
  expect(await run()).toMatchObject({ code: 1 });
});
