import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vendors } from './registry.ts';

test('the registry is the folder', () => {
  const files = readdirSync(new URL('vendors', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('.test'))
    .map((entry) => entry.name.replace(/\.ts$/, ''));
  const advice = 'packages/vendor-clients/src/registry.ts has an entry for each file in src/vendors, under its name';
  expect(Object.keys(vendors).toSorted(), advice).toEqual(files.toSorted());
});

/** A name as people write it, on one line: Acme Pay, Auth0, DocuSign. */
const title = /^[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*$/;

test.each(['Acme Pay', 'Auth0', 'DocuSign'])('a vendor may be called %s', (name) => {
  expect(name).toMatch(title);
});

test.each(['', 'acme', 'Acme ', ' Acme', 'Acme\nPay', 'Acme: Pay'])('a vendor may not be called %j', (name) => {
  expect(name).not.toMatch(title);
});

test.each(Object.entries(vendors))('%s is registered under its id', (id, definition) => {
  const file = `packages/vendor-clients/src/vendors/${id}.ts`;
  expect(definition.id, `the id in ${file} is its key in registry.ts`).toBe(id);
  expect(definition.title, `the title in ${file} is the vendor's name, each word with a capital`).toMatch(title);
});
