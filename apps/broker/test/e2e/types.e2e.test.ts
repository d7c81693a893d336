import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  expect(printed.output).toContain("      nabla: 'nabla';\n      'vital-eu': 'vital';\n");
  expect(written).toEqual({ exitCode: 0, output: 'The types of 2 connections are in types.d.ts.\n' });
  expect((await readdir(folder)).toSorted()).toEqual(['types.d.ts', 'valetkey.config.yaml']);
});

test('`valetkey types --check` exits with 1 until the file has the connections of the configuration, and writes nothing', async () => {
  const check = () => run('--out', 'types.d.ts', '--check');
  const advice = 'run `valetkey types --config valetkey.config.yaml --out types.d.ts`\n';
  expect(await check()).toEqual({ exitCode: 1, output: `✗ types.d.ts does not exist; ${advice}` });

  await run('--out', 'types.d.ts');
  const current = await read('types.d.ts');
  const passed = { exitCode: 0, output: '✓ types.d.ts has the connections of valetkey.config.yaml.\n' };
  expect(await check()).toEqual(passed);
  await writeFile(join(folder, 'types.d.ts'), current.replaceAll('\n', '\r\n'));
  expect(await check()).toEqual(passed);

  const earlier = current.replace('vital-eu', 'vital-us');
  await writeFile(join(folder, 'types.d.ts'), earlier);
  const differs = `✗ types.d.ts differs from the connections of valetkey.config.yaml; ${advice}`;
  expect(await check()).toEqual({ exitCode: 1, output: differs });
  expect(await read('types.d.ts')).toBe(earlier);
});

test.each<[readonly string[], string]>([
  [['--check'], '`--check` needs `--out <file>`, the file to compare'],
  [['--out', 'valetkey.config.yaml'], '`--out` must end in .d.ts, .d.mts or .d.cts'],
  [['--out', 'absent/types.d.ts'], 'absent/types.d.ts cannot be written (ENOENT)'],
  [['--out', 'types.d.ts', '--config', 'absent.yaml'], 'absent.yaml: cannot be read (ENOENT)'],
  [['--config', 'misspelt.json'], 'vendors.nugde: is not a known vendor; did you mean `nudge`?'],
  [['--config', 'empty.json'], 'empty.json has no connections; add one under `vendors`'],
])('`valetkey types` exits with 1 and says what to change for %j', async (args, message) => {
  await writeFile(join(folder, 'misspelt.json'), '{ "vendors": { "nugde": {} } }');
  await writeFile(join(folder, 'empty.json'), '{}');
  const { exitCode, output } = await run(...args);

  expect(exitCode).toBe(1);
  expect(output).toContain(message);
  expect(await readdir(folder)).toHaveLength(3);
});
