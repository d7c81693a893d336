import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, onTestFinished, test } from 'vitest';
import { adminToken, createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const tokenOf = (name: string) => `canary-${name}-`.padEnd(40, '0');
const hashOf = (token: string, encoding: 'hex' | 'base64url') => createHash('sha256').update(token).digest(encoding);

/** Starts a broker whose `admin` has these fields, and returns a function that sends requests with any admin token. */
async function startBroker(sandbox: Sandbox, admin: object) {
  const config = createConfigFor(sandbox);
  const nabla = { ...config.vendors.nabla, user: { mapping: true as const } };
  const broker = await startRecordingBroker({
    ...config,
    admin: { port: 0, ...admin },
    vendors: { ...config.vendors, nabla },
  });
  const call = (token: string, path: string, method = 'GET', body?: object) =>
    broker.callAdmin(path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  return { ...broker, call };
}

const named = [
  { name: 'support', token: { current: tokenOf('support'), next: tokenOf('support-next') } },
  { name: 'console', token: tokenOf('console') },
  { name: 'deploy', token: { sha256: hashOf(tokenOf('deploy'), 'hex').toUpperCase() } },
  { name: 'on-call_2', token: { sha256: hashOf(tokenOf('on-call'), 'base64url') } },
];

test('the admin API accepts each configured admin token and no other text', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox, { token: adminToken, tokens: named });
  const statusFor = async (token: string) => (await broker.call(token, '/v1/decisions')).status;
  const accepted = ['support', 'support-next', 'console', 'deploy', 'on-call'].map(tokenOf);
  expect(await Promise.all([adminToken, ...accepted].map(statusFor))).toEqual([200, 200, 200, 200, 200, 200]);
  const refused = [
    tokenOf('unknown'),
    tokenOf('console').slice(1),
    `${tokenOf('console')}0`,
    'support',
    // The hash in the configuration is not the token.
    hashOf(tokenOf('deploy'), 'hex'),
    hashOf(tokenOf('on-call'), 'base64url'),
    await sandbox.mintUserToken({ sub: 'alice' }),
  ];
  expect(await Promise.all(refused.map(statusFor))).toEqual(refused.map(() => 401));
});

test('the admin API works with named tokens alone, and is off without any token', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox, { tokens: named });
  expect((await broker.call(tokenOf('deploy'), '/v1/decisions')).status).toBe(200);
  expect((await broker.call(adminToken, '/v1/decisions')).status).toBe(401);
  expect(await (await broker.call('', '/')).json()).toMatchObject({ adminApi: true });
  await using off = await startBroker(sandbox, { tokens: [] });
  expect((await off.call(tokenOf('deploy'), '/v1/decisions')).status).toBe(403);
  expect(await (await off.call('', '/')).json()).toMatchObject({ adminApi: false });
});

test('the log and the audit name the admin token that made each change, and contain no token', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox, { token: adminToken, tokens: named });
  const alice = { issuer: sandbox.urls.idp, subject: 'alice' };
  const mapping = { ...alice, connection: 'nabla', vendor_user_id: 'patient-7' };
  const changes = [
    [adminToken, 'PUT', '/v1/vendor-users', mapping],
    [tokenOf('support-next'), 'DELETE', '/v1/vendor-users', mapping],
    [tokenOf('deploy'), 'PUT', '/v1/blocked-users', { ...alice, reason: 'left' }],
    [tokenOf('console'), 'DELETE', '/v1/blocked-users', alice],
  ] as const;
  for (const [token, method, path, body] of changes) {
    expect((await broker.call(token, path, method, body)).status).toBe(204);
  }
  // A change that is refused is no decision.
  expect((await broker.call(tokenOf('console'), '/v1/blocked-users', 'DELETE', alice)).status).toBe(404);

  const { decisions } = (await (await broker.call(adminToken, '/v1/decisions')).json()) as { decisions: object[] };
  const target = { connection: 'nabla', vendor: 'nabla', vendor_user_id: 'patient-7' };
  const time = { at: expect.any(String) as string, request_id: expect.any(String) as string };
  expect(decisions.toReversed()).toEqual([
    { ...time, ...alice, ...target, operation: 'map', outcome: 'allowed', actor: 'admin' },
    { ...time, ...alice, ...target, operation: 'unmap', outcome: 'allowed', actor: 'support' },
    { ...time, ...alice, operation: 'block', outcome: 'allowed', actor: 'deploy' },
    { ...time, ...alice, operation: 'unblock', outcome: 'allowed', actor: 'console' },
  ]);
  const logged = broker.logLines().flatMap((line) => {
    const { msg, actor, change } = JSON.parse(line) as { msg: string; actor?: string; change?: object };
    return msg === 'admin' ? [{ actor, change }] : [];
  });
  expect(logged).toEqual(
    changes.map(([, method, path, body], index) => ({
      actor: ['admin', 'support', 'deploy', 'console'][index],
      change: { method, path, ...body },
    })),
  );
  expect(broker.logLines().join()).not.toContain('canary-');
});

test('a vendor user that the broker creates itself has a decision without an actor', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox, { tokens: named });
  expect((await broker.issue('vital', await sandbox.mintUserToken({ sub: 'alice' }))).status).toBe(200);
  const response = await broker.call(tokenOf('console'), '/v1/decisions');
  const { decisions } = (await response.json()) as { decisions: { operation: string }[] };
  const created = decisions.find(({ operation }) => operation === 'map');
  expect(created).toBeDefined();
  expect(created).not.toHaveProperty('actor');
});

test('`valetkey start` and `valetkey check` warn about an admin token of fewer than 32 characters', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = {
    listen: { port: 0 },
    admin: { port: 0, token: '${env:SHORT}', tokens: [{ name: 'long', token: '${env:LONG}' }] },
    issuers: [{ issuer: 'http://127.0.0.1:9', audiences: ['api'] }],
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const environment = { SHORT: 'canary-token-of-23-char', LONG: tokenOf('long') };
  const warning = /! admin\.token: has fewer than 32 characters/;
  await using check = startValetkey(['check', '--config', 'config.json'], folder, environment);
  expect(await check.exitCode).toBe(0);
  expect(check.output()).toMatch(warning);
  await using broker = startValetkey(['start', '--config', 'config.json'], folder, environment);
  await broker.waitForOutput(/listens on/);
  for (const output of [check.output(), broker.output()]) {
    expect(output).toMatch(warning);
    expect(output).not.toMatch(/canary|admin\.tokens/);
  }
});
