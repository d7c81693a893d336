import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

const verifiedClaim = 'https://authgear.com/claims/user/is_verified';
const anonymousClaim = 'https://authgear.com/claims/user/is_anonymous';

/** Returns the access token of a new session at the simulated Authgear. */
async function signInAtAuthgear({ urls }: Sandbox, claims: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(claims),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

test.each(['jwt', 'opaque'] as const)(
  'a connection that requires verified users refuses every other user of an Authgear with %s tokens',
  async (accessTokens) => {
    await using sandbox = await createSandbox({ authgear: { accessTokens } });
    const { vendors, ...config } = createConfigFor(sandbox);
    const { authgear, nudge, vital } = vendors;
    await using broker = await startRecordingBroker({
      ...config,
      vendors: {
        authgear: { ...authgear, anonymous: true, ...(accessTokens === 'opaque' && { resolver: { cacheSeconds: 0 } }) },
        nudge,
        vital: { ...vital, requiredClaims: { [verifiedClaim]: true, [anonymousClaim]: false } },
      },
    });
    const verified = await signInAtAuthgear(sandbox, { sub: 'alice', is_verified: true, is_anonymous: false });
    const anonymous = await signInAtAuthgear(sandbox, { sub: 'guest', is_verified: false, is_anonymous: true });
    expect((await broker.issue('vital', verified)).status).toBe(200);
    const refused = await broker.issue('vital', anonymous);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      code: 'forbidden',
      remediation: expect.stringContaining('is_verified') as unknown,
    });
    expect((await broker.issue('nudge', anonymous)).status).toBe(200);
    const session = (await (await broker.call('/v1/session', anonymous)).json()) as { vendors: object };
    expect(Object.keys(session.vendors)).not.toContain('vital');
    // This token is of another identity provider, and lacks these claims.
    expect((await broker.issue('vital', await sandbox.mintUserToken({ sub: 'bob' }))).status).toBe(403);
  },
);

test.each([
  [undefined, 401],
  [true, 200],
])('with `anonymous: %s`, an anonymous user of Authgear receives %i', async (anonymous, status) => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const { authgear, nudge } = vendors;
  await using broker = await startRecordingBroker({
    ...config,
    vendors: { authgear: { ...authgear, anonymous }, nudge },
  });
  const guest = await signInAtAuthgear(sandbox, { sub: 'guest', is_anonymous: true });
  expect((await broker.issue('nudge', guest)).status).toBe(status);
});

test('a required claim may be an element of an array, and the broker converts no value from another type', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const nudge = { ...vendors.nudge, requiredClaims: { groups: 'staff', level: 2 } };
  await using broker = await startRecordingBroker({ ...config, vendors: { nudge } });
  const statusFor = async (claims: Record<string, string | number | string[] | { staff: boolean }>) =>
    (await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice', claims }))).status;
  expect(await statusFor({ groups: ['a', 'staff'], level: 2 })).toBe(200);
  expect(await statusFor({ groups: 'staff', level: 2 })).toBe(200);
  expect(await statusFor({ groups: 'staff', level: '2' })).toBe(403);
  expect(await statusFor({ groups: 'staffs', level: 2 })).toBe(403);
  expect(await statusFor({ groups: { staff: true }, level: 2 })).toBe(403);
  expect(await statusFor({ level: 2 })).toBe(403);
});

test('a connection for one issuer refuses users of another issuer who have the required claims', async () => {
  await using sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const nudge = { ...vendors.nudge, issuers: [sandbox.urls.idp], requiredClaims: { sub: 'alice' } };
  await using broker = await startRecordingBroker({ ...config, vendors: { nudge, authgear: vendors.authgear } });
  expect((await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }))).status).toBe(200);
  const otherIssuer = await signInAtAuthgear(sandbox, { sub: 'alice' });
  expect(await (await broker.issue('nudge', otherIssuer)).json()).toMatchObject({ status: 403, code: 'forbidden' });
  const session = (await (await broker.call('/v1/session', otherIssuer)).json()) as { vendors: object };
  expect(Object.keys(session.vendors)).toEqual(['authgear']);
});
