import { JunctionClient } from '@junction-api/sdk';
import { VitalClient } from '@tryvital/vital-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../index.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

test('@junction-api/sdk, the vendor’s own client, works against the simulated Vital', async () => {
  const { user } = new JunctionClient({
    apiKey: sandbox.credentials.vital.apiKey,
    baseUrl: sandbox.urls.vital,
    maxRetries: 0,
  });
  const created = await user.create({ clientUserId: 'alice', fallbackTimeZone: 'Europe/Paris' });
  expect(created).toMatchObject({ clientUserId: 'alice', connectedSources: [] });
  await expect(user.create({ clientUserId: 'alice' })).rejects.toMatchObject({
    statusCode: 400,
    body: { detail: { error_type: 'INVALID_REQUEST', user_id: created.userId } },
  });
  await expect(user.getByClientUserId({ clientUserId: 'alice' })).resolves.toMatchObject({ userId: created.userId });
  await expect(user.getByClientUserId({ clientUserId: 'nobody' })).rejects.toMatchObject({ statusCode: 404 });
  const signIn = await user.getUserSignInToken({ userId: created.userId });
  expect(signIn.userId).toBe(created.userId);
  expect(JSON.parse(Buffer.from(signIn.signInToken, 'base64').toString())).toEqual({
    public_key: expect.any(String),
    user_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  });
  await user.patch({ userId: created.userId, fallbackTimeZone: 'Asia/Tokyo' });
  await expect(user.get({ userId: created.userId })).resolves.toMatchObject({ clientUserId: 'alice' });
  await expect(user.delete({ userId: created.userId })).resolves.toEqual({ success: true });
  await expect(user.get({ userId: created.userId })).rejects.toMatchObject({ statusCode: 404 });
  await expect(user.undoDelete({ userId: created.userId })).resolves.toEqual({ success: true });
  await expect(user.get({ userId: created.userId })).resolves.toMatchObject({ userId: created.userId });
});

test('@tryvital/vital-node, the vendor’s former client, works against the simulated Vital', async () => {
  const { user } = new VitalClient({ apiKey: sandbox.credentials.vital.apiKey, environment: sandbox.urls.vital });
  const options = { maxRetries: 0 };
  const created = await user.create({ clientUserId: 'bob' }, options);
  await expect(user.create({ clientUserId: 'bob' }, options)).rejects.toMatchObject({
    statusCode: 400,
    body: { detail: { user_id: created.userId } },
  });
  await expect(user.getByClientUserId('bob', options)).resolves.toMatchObject({ userId: created.userId });
  await expect(user.getUserSignInToken(created.userId, options)).resolves.toMatchObject({ userId: created.userId });
  await expect(user.get(created.userId, options)).resolves.toMatchObject({ clientUserId: 'bob' });
  await expect(user.delete(created.userId, options)).resolves.toEqual({ success: true });
  await expect(user.get(created.userId, options)).rejects.toMatchObject({ statusCode: 404 });
});

test('the simulated Vital responds 401 to @junction-api/sdk with a wrong API key', async () => {
  for (const apiKey of ['sk_us_wrong', sandbox.credentials.vital.apiKey.replace('sk_us', 'sk_eu')]) {
    const { user } = new JunctionClient({ apiKey, baseUrl: sandbox.urls.vital, maxRetries: 0 });
    await expect(user.create({ clientUserId: 'eve' })).rejects.toMatchObject({ statusCode: 401 });
  }
});
