import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { createStaticKeySource } from './static-key-source.ts';

test('the static key source trusts its keys forever, and never renews them', () => {
  const source = createStaticKeySource({ keys: [createSigningKey('k1').jwk] });
  expect(source.renew()).toBeUndefined();
  const query = { algorithm: 'ES256', keyId: 'k1', issuedAtSeconds: undefined, isOwnKey: () => true };
  expect(source.find(query)).toMatchObject([{ id: 'k1', trustedUntilMs: Infinity }]);
});
