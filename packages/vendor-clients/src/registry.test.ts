import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vendors } from './registry.ts';

test('the registry has an entry for each folder of src/vendors that holds more than recipes, tests and fixtures', () => {
  const place = new URL('vendors/', import.meta.url);
  const isCode = (file: string) => file.endsWith('.ts') && !/\.(?:recipe|recipe-parts|test)\.ts$/.test(file);
  const folders = readdirSync(place, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(new URL(entry.name, place)).some(isCode))
    .map(({ name }) => name);
  const advice = 'packages/vendor-clients/src/registry.ts has an entry for each folder of src/vendors, under its name';
  expect(Object.keys(vendors), advice).toEqual(folders.toSorted());
});

/** A name as people write it, on one line: Acme Pay, Auth0, DocuSign. */
const title = /^[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*$/;

test.each(['Acme Pay', 'Auth0', 'DocuSign'])('%s has the form of a registered title', (name) => {
  expect(name).toMatch(title);
});

test.each(['', 'acme', 'Acme ', ' Acme', 'Acme\nPay', 'Acme: Pay'])(
  '%j does not have the form of a registered title',
  (name) => {
    expect(name).not.toMatch(title);
  },
);

test.each(Object.entries(vendors))('%s is registered under its id and has a valid title', (id, definition) => {
  const file = `packages/vendor-clients/src/vendors/${id}/${id}.ts`;
  expect(definition.id, `the id in ${file} is its key in registry.ts`).toBe(id);
  expect(definition.title, `the title in ${file} is the vendor's name, each word with a capital`).toMatch(title);
});
