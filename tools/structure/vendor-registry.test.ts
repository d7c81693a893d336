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

/** A vendor that is only data: two recipes, what they share, a test and recorded output. */
const asData = {
  [`${source}/catalog.ts`]: `
    import { pixelRecipe } from './vendors/pixel/pixel.recipe.ts';
    import { pixelUploadRecipe } from './vendors/pixel/pixel-upload.recipe.ts';`,
  [`${source}/vendors/pixel/pixel.recipe.ts`]: "export const pixelRecipe = { title: 'Pixel (view)' };",
  [`${source}/vendors/pixel/pixel-key.recipe-parts.ts`]: 'export const pixelKey = {};',
  [`${source}/vendors/pixel/pixel-upload.recipe.ts`]: "export const pixelUploadRecipe = { title: 'Pixel (upload)' };",
  [`${source}/vendors/pixel/pixel.test.ts`]: '',
  [`${source}/vendors/pixel/fixtures/pixel.json`]: '{}',
  'docs/vendors/pixel.md': '# Pixel: images',
};

test('accepts a folder of recipes that the catalog imports, without a client, with one page for all of them', () => {
  expect(check(asData)).toEqual([]);
});

test('reports each recipe that the catalog does not import, and the missing page of its vendor', () => {
  const place = (id: string) => `${source}/vendors/pixel/${id}.recipe.ts`;
  const problem = 'is not imported by catalog.ts';
  expect(check({ ...asData, [`${source}/catalog.ts`]: '' })).toEqual([
    { place: place('pixel-upload'), problem },
    { place: place('pixel'), problem },
  ]);
  const { 'docs/vendors/pixel.md': _page, ...others } = asData;
  expect(check(others)).toEqual([{ place: 'docs/vendors/pixel.md', problem: 'is missing' }]);
  expect(check({ ...asData, 'docs/vendors/pixel.md': '# Voxel' })).toEqual([
    { place: 'docs/vendors/pixel.md', problem: 'does not name Pixel (upload) in its first heading' },
  ]);
});

test('reports a folder with recipes and code that the registry does not import', () => {
  const place = `${source}/vendors/pixel`;
  expect(check({ ...asData, [`${place}/pixel.ts`]: "export const pixel = { title: 'Pixel' };" })).toContainEqual({
    place,
    problem: 'is not imported by registry.ts',
  });
});
