import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { createStaticKeySource } from './static-key-source.ts';

test('the static key source trusts its keys forever, and never renews them', () => {
  const source = createStaticKeySource({ keys: [createSigningKey('k1').jwk] });
  expect(source.renew()).toBeUndefined();
  expect(source.find({ algorithm: 'ES256', keyId: 'k1', isOwnKey: () => true })).toMatchObject([
    { id: 'k1', trustedUntilMs: Infinity },
  ]);
});
