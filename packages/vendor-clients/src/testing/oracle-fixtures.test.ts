import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { readFixtures } from './oracle-fixtures.ts';

test('returns the fixtures of each product of a vendor in the order of their names', () => {
  const products = readFixtures('stripe');

  expect(products.map(({ product }) => product)).toEqual([
    'stripe-account-session',
    'stripe-customer-session',
    'stripe-ephemeral-key',
    'stripe-terminal',
  ]);
  expect(products[0]).toMatchObject({
    oracle: { package: 'stripe', checkedOn: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) },
    cases: [{ request: { method: 'POST', origin: 'https://api.stripe.com', path: '/v1/account_sessions' } }, {}, {}],
  });
});

test('returns no fixtures for a vendor that has none', () => {
  expect(readFixtures('nudge')).toEqual([]);
});

test.each([
  ['a case without an outcome', {}],
  ['a case with two outcomes', { text: 'one', jwt: { header: '{}', payload: '{}' } }],
  ['a case with an unknown field', { text: 'one', vendor: 'acme' }],
])('throws if a file has %s', (_, outcome) => {
  const folder = mkdtempSync(join(tmpdir(), 'fixtures-'));
  const given = { title: 'a token', nowSeconds: 1, secrets: {}, options: {}, userId: 'alice', parameters: {} };
  const oracle = { package: 'sample-sdk', version: '1.0.0', checkedOn: '2030-01-01' };
  mkdirSync(join(folder, 'acme/fixtures'), { recursive: true });
  writeFileSync(join(folder, 'acme/fixtures/acme.json'), JSON.stringify({ oracle, cases: [{ ...given, ...outcome }] }));

  expect(() => readFixtures('acme', pathToFileURL(`${folder}/`))).toThrow(/invalid_union|unrecognized_keys/);

  rmSync(folder, { recursive: true });
});
