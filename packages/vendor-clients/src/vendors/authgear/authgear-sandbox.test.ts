import { Secret } from '@valetkey/core-types';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createAuthgearClient } from './authgear.ts';

test('userInfo and resolve describe the session that the sandbox created', async () => {
  const sandbox = await createSandbox();
  const response = await fetch(`${sandbox.urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  const client = createAuthgearClient({ endpoint: sandbox.urls.authgear });
  expect(await client.userInfo(new Secret(token))).toMatchObject({ sub: 'alice' });
  expect(await client.resolve({ authorization: `Bearer ${token}` })).toMatchObject({ status: 'valid' });
  expect(await client.resolve({ authorization: 'Bearer unknown' })).toEqual({ status: 'absent' });
  await client.close();
  await sandbox.close();
});
