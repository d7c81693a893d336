import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { parseConfig } from '../config/parse-config.ts';
import { explainToken } from './explain.ts';

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
