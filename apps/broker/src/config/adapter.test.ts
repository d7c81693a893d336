import type { VendorDefinition } from '@valetkey/core-types';
import { secretSchema, secretSlotsSchema } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

const acme: VendorDefinition = {
  id: 'acme',
  title: 'Acme Rooms',
  options: z.object({ apiKey: secretSlotsSchema }),
  credentials: ['apiKey'],
  create: () => ({ id: 'acme', close: async () => undefined }),
};

/** Returns the problems of a configuration with an adapter and a connection to it. */
function problemsOf(adapter: unknown, connection: object = { apiKey: 'canary-key' }): readonly string[] {
  const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
  try {
    parseConfig({ issuers, adapters: [adapter], vendors: { 'acme-eu': { vendor: 'acme', ...connection } } });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** Returns a copy of the adapter whose getter for this field throws. */
const withThrowingGetter = (field: string): unknown =>
  Object.defineProperty({ ...acme }, field, {
    get() {
      throw new Error('canary');
    },
  });

test('parseConfig accepts an adapter that is written by hand, and calls `create` as its method', () => {
  class Adapter {
    readonly id = acme.id;
    readonly title = acme.title;
    readonly options = acme.options;
    readonly credentials = acme.credentials;
    readonly abilities = { id: this.id, close: async () => undefined };
    create() {
      return this.abilities;
    }
  }
  expect(problemsOf(acme)).toEqual([]);
  expect(problemsOf(new Adapter())).toEqual([]);
});

test.each<[string, unknown, string]>([
  ['without `create`', { ...acme, create: undefined }, 'adapters.0.create: must be a function'],
  [
    'without credentials',
    { ...acme, credentials: undefined },
    'adapters.0.credentials: must be a list of the options that hold a credential',
  ],
  [
    'with a credential that is no option',
    { ...acme, credentials: ['canary'] },
    'adapters.0.credentials: names an option that does not exist',
  ],
  ['without a schema', { ...acme, options: {} }, 'adapters.0.options: must be an object schema of zod'],
  [
    'with an option of the broker',
    { ...acme, options: z.object({ apiKey: secretSlotsSchema, issuers: z.string() }) },
    'adapters.0.options: has `issuers`, which is a field of every connection',
  ],
  [
    'with an id that is a sentence',
    { ...acme, id: 'canary id' },
    'adapters.0.id: must be lower-case words joined by hyphens',
  ],
  ['without a title', { ...acme, title: '' }, 'adapters.0.title: must be a name of 1 to 60 characters'],
  ['that is null', null, 'adapters.0: must be an object, not null'],
  ...['id', 'title', 'options', 'credentials', 'create'].map((field): [string, unknown, string] => [
    `whose getter of \`${field}\` throws`,
    withThrowingGetter(field),
    'adapters.0: must be a vendor made by `defineVendor`; it cannot be read',
  ]),
])('parseConfig refuses an adapter %s, and does not call its connection unknown', (_, adapter, expected) => {
  expect(problemsOf(adapter)).toEqual([expected]);
});

test('parseConfig reads an adapter that is faulty beside a field that is wrong', () => {
  const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
  const config = { issuers, listen: { port: -1 }, adapters: [acme], vendors: { acme: { apiKey: 'canary-key' } } };
  expect(() => parseConfig(config)).toThrow(
    'The configuration cannot be used:\n  listen.port: must be a whole number from 0 to 65535',
  );
});

test('parseConfig refuses a faulty vendor of the program', () => {
  const vendors = { acme: { ...acme, create: undefined as never } };
  const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
  expect(() => parseConfig({ issuers }, vendors)).toThrow('the vendor acme.create: must be a function');
});

const withApiKey = (apiKey: z.ZodType): VendorDefinition => ({ ...acme, options: z.object({ apiKey }) });

test.each<[string, VendorDefinition, string]>([
  [
    'checks options asynchronously',
    withApiKey(z.string().refine(async () => Promise.reject(new Error('canary')))),
    'the adapter `acme` checks its options asynchronously, which is not possible',
  ],
  [
    'throws while it checks options',
    withApiKey(
      z.string().refine(() => {
        throw new Error('canary');
      }),
    ),
    'the adapter `acme` fails when it checks these options',
  ],
])('parseConfig refuses a connection whose adapter %s', async (_, adapter, expected) => {
  expect(problemsOf(adapter)).toEqual([`vendors.acme-eu: ${expected}`]);
  // An unhandled rejection would fail the test run here.
  await new Promise(setImmediate);
});

test('parseConfig does not print a message of an adapter that quotes an option', () => {
  const quoting = withApiKey(z.string().refine(() => false, { error: ({ input }) => `bad key ${String(input)}` }));
  expect(problemsOf(quoting)).toEqual(['vendors.acme-eu.apiKey: cannot be used']);
  const silent = withApiKey(secretSchema.refine(() => false, { error: 'must begin with `acme_`' }));
  expect(problemsOf(silent)).toEqual(['vendors.acme-eu.apiKey: must begin with `acme_`']);
});

test.each([
  ['strips unknown fields', z.object({ apiKey: secretSlotsSchema })],
  ['keeps unknown fields', z.looseObject({ apiKey: secretSlotsSchema })],
])('parseConfig refuses a misspelt rule although the schema of the adapter %s', (_, options) => {
  expect(problemsOf({ ...acme, options }, { apiKey: 'canary-key', requiredScope: ['read'] })).toEqual([
    'vendors.acme-eu.requiredScope: is not a known field; did you mean `requiredScopes`?',
  ]);
});
