import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { listIssuerSettings, otherProvider, providerNames, toIssuer } from './starter-issuers.ts';

const page = readFileSync(new URL('../../../../docs/identity-providers.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)]
  .map(([, text = '']) => parse(text) as { issuers: readonly { provider?: string }[] })
  .flatMap(({ issuers }) => issuers);

test.each(providerNames.filter((name) => name !== otherProvider))(
  'the first configuration for %s has the settings of its example in docs/identity-providers.md',
  (name) => {
    const settings = (listIssuerSettings(name) ?? []).map((setting) => [setting.name, setting.example]);
    const asLists = (issuer: object) =>
      Object.fromEntries(Object.entries(issuer).map(([field, value]) => [field, [value].flat()]));
    const documented = examples.find(({ provider }) => provider === name) ?? {};
    expect(asLists(toIssuer(name, Object.fromEntries(settings)))).toEqual(asLists(documented));
  },
);

test.each(providerNames)('each setting of %s has a description to ask for it', (name) => {
  const settings = listIssuerSettings(name) ?? [];
  expect(settings.length).toBeGreaterThan(0);
  expect(settings.filter(({ description }) => !/\S\.$/.test(description))).toEqual([]);
});
