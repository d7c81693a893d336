import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { examine, explainToken } from './doctor.ts';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { parseConfig } from '../config/parse-config.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.setFaults([]));

describe('examine', () => {
  test('examine finds every part healthy and creates no vendor user', async () => {
    const findings = await examine(parseConfig(createConfigFor(sandbox)));
    expect(findings.filter(({ healthy }) => !healthy)).toEqual([]);
    expect(findings.map(({ part }) => part)).toEqual([
      'store',
      `issuer ${sandbox.urls.idp}`,
      `issuer ${sandbox.urls.authgear}`,
      'connection nabla',
      'connection nudge',
      'connection nymbl',
      'connection authgear',
      'connection vital',
    ]);
    expect(sandbox.vital.users()).toEqual([]);
  });

  test('examine names each failing part with advice and without a secret', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const nudge = { ...vendors.nudge, apiKey: 'canary-wrong-key-3d70' };
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'reset' } }]);
    const findings = await examine(parseConfig({ ...config, vendors: { ...vendors, nudge } }));
    const failing = findings.filter(({ healthy }) => !healthy);
    expect(failing.map(({ part }) => part)).toEqual([`issuer ${sandbox.urls.idp}`, 'connection nudge']);
    expect(failing[0]?.detail).toMatch(/^has no usable keys \(/);
    expect(failing[1]?.detail).toMatch(/vendor_auth_failed.*Nudge has enabled short-lived token authentication/s);
    expect(JSON.stringify(findings)).not.toMatch(/canary|sandbox-only/);
  });

  test("examine finds a wrong key of Nymbl's API beside a valid client", async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const nymbl = { ...vendors.nymbl, apiKey: 'canary-wrong-key-3d70' };
    const findings = await examine(parseConfig({ ...config, vendors: { nymbl } }));
    expect(findings.find(({ part }) => part === 'connection nymbl')).toMatchObject({
      healthy: false,
      detail: expect.stringContaining('Check `apiKey`') as unknown,
    });
  });

  test('examine tries each slot of a secret and reports the refused ones', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const [old, renewed] = [await sandbox.nabla.createClient(), await sandbox.nabla.createClient()];
    const findings = await examine(
      parseConfig({
        ...config,
        vendors: {
          nudge: { ...vendors.nudge, apiKey: { current: 'canary-expired', next: vendors.nudge.apiKey } },
          vital: { ...vendors.vital, apiKey: { current: vendors.vital.apiKey, next: 'sk_us_canary-typo' } },
          nymbl: {
            ...vendors.nymbl,
            clientSecret: { current: vendors.nymbl.clientSecret, next: vendors.nymbl.clientSecret },
            apiKey: { current: vendors.nymbl.apiKey, next: 'canary-typo' },
          },
          nabla: { ...vendors.nabla, serverKey: { ...old, next: { ...renewed, clientId: 'unknown-client' } } },
        },
      }),
    );
    const verdicts = findings.flatMap(({ part, healthy }) => (part.startsWith('connection') ? [[part, healthy]] : []));
    expect(Object.fromEntries(verdicts)).toEqual({
      'connection nabla (serverKey.current)': true,
      'connection nabla (serverKey.next)': false,
      'connection nudge (apiKey.current)': false,
      'connection nudge (apiKey.next)': true,
      'connection nymbl (clientSecret.current)': true,
      'connection nymbl (clientSecret.next)': true,
      'connection nymbl (apiKey.current)': true,
      'connection nymbl (apiKey.next)': false,
      'connection vital (apiKey.current)': true,
      'connection vital (apiKey.next)': false,
    });
    expect(JSON.stringify(findings)).not.toMatch(/canary|sandbox-only/);
  });

  test('examine reports an unreachable Redis when one is configured', async () => {
    const redis = { url: 'redis://127.0.0.1:9', sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] };
    const findings = await examine(parseConfig({ ...createConfigFor(sandbox), redis }));
    expect(findings.find(({ part }) => part === 'redis')).toEqual({
      part: 'redis',
      healthy: false,
      detail: 'cannot be reached',
    });
  });

  test('examine gives operator advice for a store that cannot be used', async () => {
    const store = { postgres: 'postgresql://user:canary-password@127.0.0.1:9/db' };
    const findings = await examine(parseConfig({ ...createConfigFor(sandbox), store }));
    expect(findings.find(({ part }) => part === 'store')).toEqual({
      part: 'store',
      healthy: false,
      detail:
        'The broker cannot use its database. (overloaded, ECONNREFUSED) ' +
        'Check `store`, and that the database is reachable and that the broker may write to it.',
    });
  });
});

test('explainToken names the check that a token fails', async () => {
  const config = parseConfig(createConfigFor(sandbox));
  const good = await explainToken(config, await sandbox.mintUserToken({ sub: 'alice' }));
  expect(good).toMatchObject({ accepted: true, issuer: sandbox.urls.idp });
  const wrong = await explainToken(config, await sandbox.mintUserToken({ sub: 'alice', audience: 'other' }));
  expect(wrong.accepted).toBe(false);
  expect(wrong.checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({
    check: 'audience',
    remediation: expect.stringContaining('valetkey'),
  });
});
