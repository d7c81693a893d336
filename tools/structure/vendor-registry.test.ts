import { expect, test } from 'vitest';
import { createRepository } from '../testing/tree.ts';
import { checkVendorRegistry } from './vendor-registry.ts';

const source = 'packages/vendor-clients/src';

/** Two complete vendors: one is a file, the other a folder. */
const complete = {
  [`${source}/registry.ts`]: `
    import { acme } from './vendors/acme.ts';
    import { bigRooms } from './vendors/big-rooms/definition.ts';`,
  [`${source}/index.ts`]: `
    export { acme, createAcmeClient } from './vendors/acme.ts';
    export { bigRooms, createBigRoomsClient } from './vendors/big-rooms/definition.ts';`,
  [`${source}/vendors/acme.ts`]: "export const acme = { title: 'Acme' };",
  [`${source}/vendors/acme.test.ts`]: '',
  [`${source}/vendors/big-rooms/definition.ts`]: "export const bigRooms = { title: 'Big Rooms' };",
  [`${source}/vendors/big-rooms/client.ts`]: '',
  'docs/vendors/acme.md': '# Acme: tokens for rooms',
  'docs/vendors/big-rooms.md': '# Big Rooms',
};

const check = (changed: Readonly<Record<string, string>>) =>
  checkVendorRegistry(createRepository({ ...complete, ...changed }));

test('accepts vendors that are a file or a folder', () => {
  expect(check({})).toEqual([]);
});

test('reports vendors that the registry does not import', () => {
  expect(check({ [`${source}/registry.ts`]: '' })).toEqual([
    { place: `${source}/vendors/acme.ts`, problem: 'is not imported by registry.ts' },
    { place: `${source}/vendors/big-rooms`, problem: 'is not imported by registry.ts' },
  ]);
});

test('reports a definition and a client that index.ts does not export', () => {
  const place = `${source}/index.ts`;
  expect(check({ [place]: "export { acme, createAcmeClient } from './vendors/acme.ts';" })).toEqual([
    { place, problem: 'does not export bigRooms of vendors/big-rooms' },
    { place, problem: 'does not export createBigRoomsClient of vendors/big-rooms' },
  ]);
});

test('reports a page that is missing or names another vendor, and a vendor without a title', () => {
  expect(check({ [`${source}/vendors/new/definition.ts`]: '' })).toContainEqual({
    place: 'docs/vendors/new.md',
    problem: 'is missing',
  });
  expect(check({ 'docs/vendors/acme.md': '# Emca' })).toEqual([
    { place: 'docs/vendors/acme.md', problem: 'does not name Acme in its first heading' },
  ]);
  expect(check({ [`${source}/vendors/acme.ts`]: '' })).toEqual([
    { place: `${source}/vendors/acme.ts`, problem: "does not declare its title as `title: '…'`" },
  ]);
});
