import { expect, test } from 'vitest';
import { issued } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { alice, bob, valetWithVital, vitalCore, withApiKey } from '../testing/vital.ts';
import type { VitalReconcileOptions } from './vital-options.ts';
import { vitalReconcile } from './vital-reconcile.ts';

const apiKeySession = { environment: 'sandbox', region: 'us' };
const knowledge = [
  ['knows', true],
  ['does not know', false],
] as const;

test.each(knowledge)(
  'vitalReconcile refuses to sign over an API-key session without apiKeySession, when the broker %s the Vital user',
  async (_verb, known) => {
    const { valet, issueCount } = await valetWithVital({ known });
    const { core, calls, current } = vitalCore(alice, withApiKey);

    const error = await failureOf(vitalReconcile(valet, core)());

    expect(error).toMatchObject({ code: 'migration_refused', retryable: false, vendor: 'vital' });
    expect(error.remediation).toContain('apiKeySession');
    expect([calls, current(), issueCount()]).toEqual([[], alice, 0]);
  },
);

test.each([
  ['environment', { environment: 'production', region: 'us' }],
  ['region', { environment: 'sandbox', region: 'eu' }],
])('vitalReconcile refuses to sign over an API-key session of another %s', async (name, other) => {
  const { valet } = await valetWithVital();
  const { core, calls } = vitalCore(alice, withApiKey);

  const error = await failureOf(vitalReconcile(valet, core, { apiKeySession: other })());

  expect(error).toMatchObject({ code: 'migration_refused' });
  expect(error.message).toContain(`its ${name} is not`);
  expect(calls).toEqual([]);
});

test('vitalReconcile refuses a migration when the broker does not name the environment of its token', async () => {
  const issueResponse = issued('vital', { user_id: alice, sign_in_token: 'token' });
  const { valet } = await valetWithVital({ issueResponse });
  const { core, calls } = vitalCore(alice, withApiKey);

  expect(await failureOf(vitalReconcile(valet, core, { apiKeySession })())).toMatchObject({
    code: 'migration_refused',
  });
  expect(calls).toEqual([]);
});

test.each(knowledge)(
  "vitalReconcile refuses to sign another user's API-key session out, when the broker %s the Vital user",
  async (_verb, known) => {
    const { valet } = await valetWithVital({ known });
    const { core, calls } = vitalCore(bob, withApiKey);

    const error = await failureOf(vitalReconcile(valet, core, { apiKeySession })());

    expect(error).toMatchObject({ code: 'migration_refused' });
    expect(error.remediation).toContain('replaceUser');
    expect(calls).toEqual([]);
  },
);

test.each(knowledge)(
  "vitalReconcile with replaceUser signs another user's API-key session out, when the broker %s the Vital user",
  async (_verb, known) => {
    const { valet } = await valetWithVital({ known });
    const { core, calls } = vitalCore(bob, withApiKey);

    expect(await vitalReconcile(valet, core, { replaceUser: true })()).toBe('signed_in');
    expect(calls).toEqual(['signOut', `signIn token-of-${alice}`]);
  },
);

test('"Check whether the Vital SDK status includes useApiKey"; "it is unnecessary to reset the SDK beforehand": vitalReconcile signs the same user in over the API key', async () => {
  const { valet } = await valetWithVital();
  const { core, calls } = vitalCore(alice, withApiKey);

  expect(await vitalReconcile(valet, core, { apiKeySession })()).toBe('signed_in');
  expect(calls).toEqual([`signIn token-of-${alice}`]);
  expect([...(await core.status())]).not.toContain('useApiKey');
});

test('vitalReconcile with replaceUser alone does not sign over an API-key session of the same user', async () => {
  const { valet } = await valetWithVital();
  const { core, calls } = vitalCore(alice, withApiKey);

  const failure = await failureOf(vitalReconcile(valet, core, { replaceUser: true })());

  expect(failure).toMatchObject({ code: 'migration_refused' });
  expect(calls).toEqual([]);
});

test.each([
  ['apiKeySession', { environment: 'sandbox' }],
  ['apiKeySession', { environment: 'sandbox', region: 'us', apiKey: 'secret' }],
  ['apiKeySession', { environment: '', region: 'us' }],
  ['apiKeySession', 'sandbox'],
  ['replaceUser', 'yes'],
  ['configure', true],
  ['timeoutMs', 0],
  ['apikeySession', {}],
])('vitalReconcile throws a TypeError that names the option %s if its value is %j', async (name, value) => {
  const { valet } = await valetWithVital();
  const create = () => vitalReconcile(valet, vitalCore().core, { [name]: value } as VitalReconcileOptions);

  expect(create).toThrow(TypeError);
  expect(create).toThrow(`\`${name}\``);
  expect(create).not.toThrow('secret');
});
