import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vendors } from './registry.ts';

test('the registry is the folder', () => {
  const files = readdirSync(new URL('vendors', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('.test'))
    .map((entry) => entry.name.replace(/\.ts$/, ''));
  expect(Object.keys(vendors).toSorted()).toEqual(files.toSorted());
});

test.each(Object.entries(vendors))('%s is registered under its id', (id, definition) => {
  expect(definition.id).toBe(id);
  expect(definition.title).toMatch(/^[A-Z][a-z]+$/);
});
