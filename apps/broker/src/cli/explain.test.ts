import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { parseConfig } from '../config/parse-config.ts';
import { explainToken } from './explain.ts';
import { changeOf, needsProof } from './explain-action.ts';

test('explainToken accepts a valid token, and names the check that another token fails', async () => {
  await using sandbox = await createSandbox();
  const config = parseConfig(createConfigFor(sandbox));
  const good = await explainToken(config, await sandbox.mintUserToken({ sub: 'alice' }));
  expect(good).toMatchObject({ token: { accepted: true, issuer: sandbox.urls.idp } });
  expect(good).not.toHaveProperty('connection');
  const { token: wrong } = await explainToken(config, await sandbox.mintUserToken({ sub: 'alice', audience: 'other' }));
  expect(wrong.accepted).toBe(false);
  expect(wrong.checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({
    check: 'audience',
    remediation: expect.stringContaining('valetkey'),
  });
});

test('a bound token lacks only its proof, except for forward authentication, which refuses it, and without `dpop`', async () => {
  await using sandbox = await createSandbox();
  const bound = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: 'a'.repeat(43) } } });
  const config = createConfigFor(sandbox);
  const issuers = config.issuers.map((issuer) => ({ ...issuer, dpop: {} }));
  const publicUrl = 'https://broker.example.com';
  const { token } = await explainToken(parseConfig({ ...config, issuers, publicUrl }), bound, { connection: 'nudge' });
  expect(token.accepted).toBe(false);
  expect(needsProof(token, { connection: 'nudge' })).toBe(true);
  expect(needsProof(token, { operation: 'authorize' })).toBe(false);
  const { token: unsupported } = await explainToken(parseConfig(config), bound);
  expect(needsProof(unsupported)).toBe(false);
  expect(unsupported.checks.find(({ outcome }) => outcome === 'failed')?.check).toBe('binding');
});

test('what to change is the advice of the preset, which names its options and no field of a record', async () => {
  const keycloak = { provider: 'keycloak', url: 'https://id.example.com', realm: 'main', audience: 'my-api' };
  const config = parseConfig({ issuers: [keycloak, { provider: 'google', clientIds: ['web'] }] });
  const iat = Math.floor(Date.now() / 1000);
  const changeFor = async (claims: object): Promise<string | undefined> => {
    const parts = [
      { alg: 'RS256', typ: 'JWT' },
      { iat, exp: iat + 600, sub: 'alice', ...claims },
    ];
    const segments = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const { token } = await explainToken(config, `${segments.join('.')}.AAAA`);
    return changeOf(token, config);
  };
  const iss = 'https://id.example.com/realms/main';
  const machine = { iss, aud: 'my-api', typ: 'Bearer', preferred_username: 'service-account-web' };
  expect(await changeFor(machine)).toMatch(/^Send the token of a signed-in user\. .* set machines to true/);
  expect(await changeFor({ iss: 'accounts.google.com', aud: 'web', token_use: 'access' })).toMatch(
    /^Send the ID token\./,
  );
  expect(await changeFor({ iss: `${iss}2` })).toMatch(/hostname.* preset firebase/);
  expect(await changeFor({ ...machine, exp: iat - 600 })).toMatch(/^in the app, get a fresh token/);
});

test('explainToken explains forward authentication without a connection', async () => {
  await using sandbox = await createSandbox();
  const rules = [{ require: { scope: 'rooms' }, operations: ['authorize'] }];
  const forwardAuth = { policy: { default: 'deny', rules, decide: () => true } };
  const config = parseConfig({ ...createConfigFor(sandbox), forwardAuth });
  const explain = async (operation: string, scope?: string) => {
    const token = await sandbox.mintUserToken({ sub: 'alice', ...(scope !== undefined && { scope }) });
    const { forwardAuth: explained } = await explainToken(config, token, { operation });
    return [explained?.allowed, explained?.checks.map(({ outcome, detail }) => `${outcome}: ${detail}`)];
  };
  expect(await explain('authorize', 'rooms')).toEqual([
    true,
    [
      'passed: A rule names the operation. Named: authorize.',
      'passed: The rule policy.rules.0 is satisfied. Only for: authorize.',
      'passed: Not blocked.',
      'passed: policy.decide allows authorize.',
    ],
  ]);
  expect((await explain('authorize'))[0]).toBe(false);
  expect(await explain('resolve', 'rooms')).toEqual([
    false,
    expect.arrayContaining([expect.stringMatching(/^failed: policy\.default refuses/)]),
  ]);
});

test.each([
  [{ operation: 'map' }, '--operation: is not one of issue, proxy, authorize, resolve'],
  [{ operation: 'issue' }, '--connection: is missing for issue'],
  [{ path: '/A' }, '--connection: is missing for proxy'],
  [{ operation: 'authorize', connection: 'nudge' }, '--connection: is not for authorize'],
  [{ operation: 'authorize', path: '/A' }, '--path: is not for authorize'],
  [{ operation: 'issue', connection: 'nudge', path: '/A' }, '--path: is not for issue'],
  [{ connection: 'nudge', method: 'POST' }, '--method: is only for `--path`'],
  [{ connection: 'other' }, '--connection: `vendors` in the configuration has no such connection'],
])('explainToken refuses the options %j', async (wish, expected) => {
  const vendors = { nudge: { apiKey: 'key' } };
  const config = parseConfig({ issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }], vendors });
  await expect(explainToken(config, 'token', wish)).rejects.toThrow(expected);
});
