import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  awsCredentials,
  createdSeconds,
  createSimulatedSecretsManager,
} from '../../test/support/simulated-secrets-manager.ts';
import { createConfigResolver } from '../config/resolve-config.ts';
import type { ReferenceDependencies } from '../config/references.ts';

let aws: Awaited<ReturnType<typeof createSimulatedSecretsManager>>;
beforeEach(async () => {
  for (const [name, value] of Object.entries(awsCredentials)) vi.stubEnv(name, value);
  aws = await createSimulatedSecretsManager();
  aws.put('prod/nudge', { apiKey: 'canary-nudge-5d21', list: [] });
  aws.put('plain', 'canary-plain-5d21\n');
  aws.putBinary('binary');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

async function resolveOnce(parts: object, fields: object = {}, dependencies: ReferenceDependencies = {}) {
  const resolver = createConfigResolver(dependencies);
  const awsSecretsManager = { region: 'eu-west-1', endpoint: aws.url, ...fields };
  try {
    return await resolver.resolve({ egress: { proxy: false }, secrets: { awsSecretsManager }, ...parts });
  } finally {
    await resolver.close();
  }
}

test('a reference to AWS Secrets Manager is replaced by a field of the JSON or by the whole text, and each secret is read once', async () => {
  const { resolved, uses } = await resolveOnce({
    a: '${aws-sm:prod/nudge#apiKey}',
    b: 'x-${aws-sm:prod/nudge#apiKey}',
    c: '${aws-sm:plain}',
  });
  expect(resolved).toMatchObject({ a: 'canary-nudge-5d21', b: 'x-canary-nudge-5d21', c: 'canary-plain-5d21' });
  expect(aws.requests.toSorted()).toEqual(['plain', 'prod/nudge']);
  expect(uses.find(({ path }) => path[0] === 'a')).toMatchObject({
    version: '7e57-1',
    createdAtMs: createdSeconds * 1_000,
  });
  expect(inspect(uses, { depth: 9, showHidden: true })).not.toContain('canary');
});

test.each([
  ['${aws-sm:none#apiKey}', 'AWS Secrets Manager has no such secret; check its name and the region'],
  ['${aws-sm:prod/nudge#wrong}', 'the secret has no field `wrong`'],
  ['${aws-sm:prod/nudge#list}', 'the field `list` of the secret is neither a text nor a number'],
  ['${aws-sm:plain#apiKey}', 'the secret is no JSON object; leave out the `#` and the field to use the whole text'],
  ['${aws-sm:binary}', 'the secret is binary; store it as text'],
])('the reference %s is a problem: %s', async (reference, reason) => {
  const failure: unknown = await resolveOnce({ key: reference }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ problems: [expect.stringContaining(`key: ${reference} cannot be read: ${reason}`)] });
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('canary');
});

test('a reference without the form of a name is a problem that does not show it, because it may be a secret', async () => {
  await expect(resolveOnce({ key: '${aws-sm:canary canary}' })).rejects.toMatchObject({
    problems: [
      'key: has a reference to AWS Secrets Manager that is not the name or the ARN of a secret and a field of its JSON, such as `${aws-sm:prod/nudge#apiKey}`',
    ],
  });
});

test.each<[readonly [number, string] | 'hang', string]>([
  [[400, 'AccessDeniedException'], '`secretsmanager:GetSecretValue`'],
  [[400, 'DecryptionFailure'], '`kms:Decrypt`'],
  [[400, 'ExpiredTokenException'], 'the credentials of AWS have expired; renew them'],
  [[400, 'CanaryException'], 'AWS Secrets Manager responded 400'],
  ['hang', 'AWS Secrets Manager did not respond within 300 ms'],
])('the error %j of AWS becomes a problem in our own words', async (fault, reason) => {
  aws.state.error = fault;
  const failure: unknown = await resolveOnce({ key: '${aws-sm:plain}' }, { timeoutMs: 300 }).catch(
    (thrown: unknown) => thrown,
  );
  expect(failure).toMatchObject({ problems: [expect.stringContaining(reason)] });
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/canary/i);
});

test('missing credentials of AWS are a problem that says what to set', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', '');
  await expect(resolveOnce({ key: '${aws-sm:plain}' })).rejects.toThrow('no credentials of AWS were found');
});

test('the calls of the client of AWS leave through the egress, which refuses a private address', async () => {
  const fields = { endpoint: 'https://10.255.255.1' };
  await expect(resolveOnce({ key: '${aws-sm:plain}' }, fields)).rejects.toThrow(
    'AWS Secrets Manager cannot be reached (EGRESS_REFUSED)',
  );
});

test('a missing region is a problem that names the field', async () => {
  await expect(resolveOnce({ key: '${aws-sm:plain}' }, { region: undefined, endpoint: undefined })).rejects.toThrow(
    'no region is set; set `secrets.awsSecretsManager.region`',
  );
});

test('without the package of AWS, each reference is a problem with the command that installs it', async () => {
  const importAwsClient = () => Promise.reject(Object.assign(new Error('canary'), { code: 'ERR_MODULE_NOT_FOUND' }));
  await expect(resolveOnce({ key: '${aws-sm:plain}' }, {}, { importAwsClient })).rejects.toThrow(
    'the package `@aws-sdk/client-secrets-manager` is not installed; run `npm install @aws-sdk/client-secrets-manager`',
  );
});

test('the package of AWS is not loaded unless a reference names it', async () => {
  let loaded = 0;
  const importAwsClient = () => Promise.reject(new Error(`loaded ${(loaded += 1)} times`));
  await resolveOnce({ key: '${env:PATH}' }, {}, { importAwsClient });
  expect(loaded).toBe(0);
});
