import { globSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSandbox } from './index.ts';
import { idp } from './identity/idp.ts';
import { simulations } from './registry.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** Returns the rows of the README's tables whose first cell is this text. */
const rowsOf = (cell: string) => readme.split('\n').filter((line) => line.startsWith(`| \`${cell}\` `));

test('the registry has a simulation for every folder of vendors, in alphabetical order', () => {
  const folders = readdirSync(new URL('vendors', import.meta.url)).toSorted();
  expect(simulations.map(({ id }) => id)).toEqual(folders);
});

test('the README lists the path and the URL of every service', async () => {
  await using sandbox = await createSandbox();
  for (const [name, url] of Object.entries(sandbox.urls)) {
    const path = url.slice(sandbox.origin.length);
    expect(rowsOf(path)).toEqual([expect.stringContaining(`| \`${name}\` `)]);
  }
});

test.each(simulations.map((simulation) => [simulation.id, simulation] as const))(
  'the README lists every option and every control of %s',
  async (id, simulation) => {
    await using sandbox = await createSandbox();
    const rows = rowsOf(id).join('\n');
    for (const option of Object.keys(simulation.options.shape)) expect(rows).toContain(`\`${option}\``);
    // A sandbox has no property for a simulation without controls and state.
    for (const name of Object.keys(Reflect.get(sandbox, id) ?? {})) expect(rows).toMatch(new RegExp(`\`${name}[:\`]`));
  },
);

test('the README lists every issuer', () => {
  const issuers = [...simulations, idp].flatMap(({ signingKeys }) => Object.keys(signingKeys));
  const section = /<!-- issuers:start -->(.*)<!-- issuers:end -->/s.exec(readme)?.[1];
  for (const issuer of issuers) expect(section).toContain(`\`${issuer}\``);
});

test.each([
  ['engine', /^\.\/[a-z-]+\.ts$/],
  ['identity', /^\.\/[a-z-]+\.ts$|^\.\.\/engine\/[a-z-]+\.ts$/],
  ['vendors', /^\.\/[a-z-]+\.ts$|^\.\.\/\.\.\/engine\/[a-z-]+\.ts$/],
])('the files of %s import only their own folder and the engine', (room, allowed) => {
  const files = globSync('**/*.ts', { cwd: new URL(`${room}/`, import.meta.url) });
  for (const file of files.filter((file) => !file.endsWith('.test.ts'))) {
    const source = readFileSync(new URL(`${room}/${file}`, import.meta.url), 'utf8');
    const imports = [...source.matchAll(/^(?:import|export|\}).* from '(\..+)';$/gm)].map(([, specifier]) => specifier);
    for (const specifier of imports) expect([file, specifier]).toEqual([file, expect.stringMatching(allowed)]);
  }
});
