import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { parseConfig } from '../config/parse-config.ts';
import { explainToken } from './explain.ts';
import { changeOf } from './explain-action.ts';

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
