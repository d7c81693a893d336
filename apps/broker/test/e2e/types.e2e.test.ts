import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renderConnectionTypes } from '../../src/cli/connection-types.ts';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-types-'));
  await writeFile(
    join(folder, 'valetkey.config.yaml'),
    'vendors:\n  vital-eu: { vendor: vital, apiKey: "${env:ABSENT}" }\n  nabla: { apiKey: "${file:absent}" }\n',
  );
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...args: readonly string[]) {
  await using child = startValetkey(['types', ...args], folder);
  return { exitCode: await child.exitCode, output: child.output() };
}

const read = (file: string) => readFile(join(folder, file), 'utf8');

test('`valetkey types` prints the declaration of valetkey.config.yaml without a secret, and writes the same with --out', async () => {
  const printed = await run();
  const written = await run('--config', 'valetkey.config.yaml', '--out', 'types.d.ts');

  expect(printed).toEqual({ exitCode: 0, output: await read('types.d.ts') });
  expect(printed.output).toBe(current);
  expect(written).toEqual({ exitCode: 0, output: 'The types of 2 connections are in types.d.ts.\n' });
  expect((await readdir(folder)).toSorted()).toEqual(['types.d.ts', 'valetkey.config.yaml']);
});

const current = renderConnectionTypes(
  new Map([
    ['nabla', 'nabla'],
    ['vital-eu', 'vital'],
  ]),
);
const advice = 'run `valetkey types --config valetkey.config.yaml --out types.d.ts`';

test.each<[string, string | undefined, number, string]>([
  ['is the same', current, 0, '✓ types.d.ts has the connections of valetkey.config.yaml.'],
  ['has the ends of lines of Windows', current.replaceAll('\n', '\r\n'), 0, '✓ types.d.ts has the connections of'],
  ['has another connection', current.replace('-eu', '-us'), 1, `✗ types.d.ts differs from the connections of`],
  ['does not exist', undefined, 1, `✗ types.d.ts does not exist; ${advice}\n`],
])('`valetkey types --check` writes nothing if the file %s', async (_, found, expectedCode, finding) => {
  if (found !== undefined) await writeFile(join(folder, 'types.d.ts'), found);
  const { exitCode, output } = await run('--out', 'types.d.ts', '--check');

  expect(output).toContain(finding);
  expect(output.includes(advice)).toBe(expectedCode === 1);
  expect(exitCode).toBe(expectedCode);
  expect(await read('types.d.ts').catch(() => undefined)).toBe(found);
});

test.each<[readonly string[], string]>([
  [['--check'], '`--check` needs `--out <file>`, the file to compare'],
  [['--out', 'valetkey.config.yaml'], '`--out` must end in .d.ts, .d.mts or .d.cts'],
  [['--out', 'client.d.ts'], 'TypeScript ignores client.d.ts because client.ts is beside it; choose another name'],
  [['--out', 'client.d.mts', '--check'], 'TypeScript ignores client.d.mts because client.mts is beside it'],
  [['--out', 'page.d.ts'], 'TypeScript ignores page.d.ts because page.tsx is beside it'],
  [['--out', 'absent/types.d.ts'], 'absent/types.d.ts cannot be written (ENOENT)'],
  [['--out', 'types.d.ts', '--config', 'absent.yaml'], 'absent.yaml: cannot be read (ENOENT)'],
  [['--config', 'misspelt.json'], 'vendors.nugde: is not a known vendor; did you mean `nudge`?'],
  [['--config', 'empty.json'], 'empty.json has no connections; add one under `vendors`'],
])('`valetkey types` exits with 1 and says what to change for %j', async (args, message) => {
  await writeFile(join(folder, 'misspelt.json'), '{ "vendors": { "nugde": {} } }');
  await writeFile(join(folder, 'empty.json'), '{}');
  for (const file of ['client.ts', 'client.mts', 'page.tsx']) await writeFile(join(folder, file), '');
  const { exitCode, output } = await run(...args);

  expect(exitCode).toBe(1);
  expect(output).toContain(message);
  expect(await readdir(folder)).toHaveLength(6);
});
