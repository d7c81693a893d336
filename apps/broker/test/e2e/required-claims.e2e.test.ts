import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configureFor, startWatchedBroker } from '../support/watched-broker.ts';

const verified = 'https://authgear.com/claims/user/is_verified';
const anonymous = 'https://authgear.com/claims/user/is_anonymous';

/** A session at the simulated Authgear. */
async function signIn({ urls }: Sandbox, claims: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(claims),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

describe.each(['jwt', 'opaque'] as const)('with Authgear’s tokens as %s', (accessTokens) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await createSandbox({ authgear: { accessTokens } });
  });
  afterAll(() => sandbox.close());

  test('a vendor that needs verified users is closed to all others', async () => {
    const { vendors, ...config } = configureFor(sandbox);
    const { authgear, nudge, vital } = vendors;
    await using broker = await startWatchedBroker({
      ...config,
      vendors: {
        authgear: { ...authgear, ...(accessTokens === 'opaque' && { resolver: { cacheSeconds: 0 } }) },
        nudge,
        vital: { ...vital, requiredClaims: { [verified]: true, [anonymous]: false } },
      },
    });
    const good = await signIn(sandbox, { sub: 'alice', is_verified: true, is_anonymous: false });
    const guest = await signIn(sandbox, { sub: 'guest', is_verified: false, is_anonymous: true });
    expect((await broker.issue('vital', good)).status).toBe(200);
    const refused = await broker.issue('vital', guest);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      code: 'forbidden',
      remediation: expect.stringContaining('is_verified') as unknown,
    });
    expect((await broker.issue('nudge', guest)).status).toBe(200);
    const session = (await (await broker.call('/v1/session', guest)).json()) as { vendors: object };
    expect(Object.keys(session.vendors)).not.toContain('vital');
    // A token of another provider that says nothing of it.
    expect((await broker.issue('vital', await sandbox.mintUserToken({ sub: 'bob' }))).status).toBe(403);
  });
});

test('a claim may be one of a list, and nothing is taken for another type', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = configureFor(sandbox);
  const nudge = { ...vendors.nudge, requiredClaims: { groups: 'staff', level: 2 } };
  await using broker = await startWatchedBroker({ ...config, vendors: { nudge } });
  const statusFor = async (claims: Record<string, string | number | string[] | { staff: boolean }>) =>
    (await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice', claims }))).status;
  expect(await statusFor({ groups: ['a', 'staff'], level: 2 })).toBe(200);
  expect(await statusFor({ groups: 'staff', level: 2 })).toBe(200);
  expect(await statusFor({ groups: 'staff', level: '2' })).toBe(403);
  expect(await statusFor({ groups: 'staffs', level: 2 })).toBe(403);
  expect(await statusFor({ groups: { staff: true }, level: 2 })).toBe(403);
  expect(await statusFor({ level: 2 })).toBe(403);
});

test('a vendor may be for the users of one issuer, whatever the tokens of another claim', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = configureFor(sandbox);
  const nudge = { ...vendors.nudge, issuers: [sandbox.urls.idp], requiredClaims: { sub: 'alice' } };
  await using broker = await startWatchedBroker({ ...config, vendors: { nudge, authgear: vendors.authgear } });
  expect((await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }))).status).toBe(200);
  const foreign = await signIn(sandbox, { sub: 'alice' });
  expect(await (await broker.issue('nudge', foreign)).json()).toMatchObject({ status: 403, code: 'forbidden' });
  const session = (await (await broker.call('/v1/session', foreign)).json()) as { vendors: object };
  expect(Object.keys(session.vendors)).toEqual(['authgear']);
});
