import { Secret } from '@valetkey/core-types';
import { jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/define-recipe.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { ablyJwtRecipe } from './ably-jwt.recipe.ts';

// Ably's SDK signs no JWT, so that another library verifies it here.
const nowSeconds = 1_795_800_000;
const connection = {
  keySecret: 'sample-key-secret-0123456789',
  keyName: 'sample.key',
  set: { capability: { 'room:{user}': ['subscribe', 'publish'], '*': ['history'] } },
};

test('a JWT of Ably names the key and the user, and has the capabilities as one text', async () => {
  const vendor = defineRecipe(ablyJwtRecipe);
  const client = vendor.createClient(connection, { clock: createVirtualClock(nowSeconds * 1_000) });
  const { fields } = await client.issue({ userId: 'alice', expiresInSeconds: 600 });
  await client.close();
  const token = fields['token'];
  const { payload, protectedHeader } = await jwtVerify(
    token instanceof Secret ? token.reveal() : '',
    Buffer.from(connection.keySecret),
    { currentDate: new Date(nowSeconds * 1_000) },
  );
  expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'HS256', kid: 'sample.key' });
  expect(payload).toEqual({
    iat: nowSeconds,
    exp: nowSeconds + 600,
    'x-ably-capability': '{"*":["history"],"room:alice":["publish","subscribe"]}',
    'x-ably-clientId': 'alice',
  });
});

test('Ably never gets the client id that stands for every client', () => {
  const { options, create } = defineRecipe(ablyJwtRecipe);
  const { users } = create(options.parse(connection));
  expect(users?.nameOf?.('*')).toMatch(/^vkh[0-9a-f]{32}$/);
  expect(users?.nameOf?.('auth0|7')).toBe('auth0|7');
});
