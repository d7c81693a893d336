import { readFileSync } from 'node:fs';
import { providers } from '@valetkey/jwt-verify/providers';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from './parse-config.ts';

const page = readFileSync(new URL('../../../../docs/identity-providers.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text = '']) => parse(text) as { issuers: object[] },
);

const noVendors = {};

test.each(examples)('parseConfig accepts example %$ of docs/identity-providers.md', (example) => {
  expect(parseConfig(example, noVendors).issuers).toHaveLength(1);
});

test('docs/identity-providers.md has an example of every preset', () => {
  const named = examples.flatMap(({ issuers }) =>
    issuers.map((issuer) => ('provider' in issuer ? issuer.provider : '')),
  );
  expect(named).toEqual(expect.arrayContaining(Object.keys(providers)));
});
