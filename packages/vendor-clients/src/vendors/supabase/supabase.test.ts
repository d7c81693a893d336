import { generateKeyPairSync } from 'node:crypto';
import { Secret } from '@valetkey/core-types';
import { jwtVerify, type CryptoKey, type KeyObject } from 'jose';
import { expect, test } from 'vitest';
import { defineRecipe } from '../../recipe/define-recipe.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { supabaseEs256Recipe } from './supabase-es256.recipe.ts';
import { supabaseRecipe } from './supabase.recipe.ts';

// Supabase has no server SDK that signs tokens of users, so that another library verifies them here.
const nowSeconds = 1_795_800_000;
const issuer = 'https://sample-project.supabase.co/auth/v1';
const userId = '6e0a2e7c-5d0b-4b4e-9f6c-0d7d2f1f3a11';
const set = { app_metadata: { team: 'red' } };
const claims = {
  role: 'authenticated',
  aud: 'authenticated',
  sub: userId,
  app_metadata: { team: 'red' },
  iat: nowSeconds,
  exp: nowSeconds + 120,
  iss: issuer,
};

type Client = ReturnType<ReturnType<typeof defineRecipe>['createClient']>;

async function verify(client: Client, key: CryptoKey | KeyObject | Uint8Array) {
  const { fields } = await client.issue({ userId, expiresInSeconds: 120 });
  await client.close();
  const token = fields['access_token'];
  return jwtVerify(token instanceof Secret ? token.reveal() : '', key, {
    audience: 'authenticated',
    currentDate: new Date(nowSeconds * 1_000),
  });
}

test('a token of Supabase is signed with the JWT secret and names the user in the role authenticated', async () => {
  const jwtSecret = 'sample-jwt-secret-0123456789abcdef';
  const client = defineRecipe(supabaseRecipe).createClient(
    { jwtSecret, issuer, set },
    { clock: createVirtualClock(nowSeconds * 1_000) },
  );
  const { payload, protectedHeader } = await verify(client, Buffer.from(jwtSecret));
  expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(payload).toEqual(claims);
});

test('a token of Supabase is signed with an imported EC key, and names the key', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const client = defineRecipe(supabaseEs256Recipe).createClient(
    { privateKey: pem, keyId: 'sample-key-id', issuer, set },
    { clock: createVirtualClock(nowSeconds * 1_000) },
  );
  const { payload, protectedHeader } = await verify(client, publicKey);
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'sample-key-id', typ: 'JWT' });
  expect(payload).toEqual(claims);
});

test('neither a caller nor the operator of Supabase can set the role', () => {
  const { options, create } = defineRecipe(supabaseRecipe);
  const { issue } = create(options.parse({ jwtSecret: 'sample-secret' }));
  expect(issue?.parameters.safeParse({ role: 'service_role' }).success).toBe(false);
  expect(options.safeParse({ jwtSecret: 'sample-secret', set: { role: 'service_role' } }).success).toBe(false);
});

test('Supabase gets no user whose id no policy of a database expects', () => {
  const { options, create } = defineRecipe(supabaseRecipe);
  const { users } = create(options.parse({ jwtSecret: 'sample-secret' }));
  expect(users?.nameOf?.(userId)).toBe(userId);
  expect(users?.nameOf?.("x' or true")).toBeUndefined();
});
