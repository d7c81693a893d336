import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { tokenExchangeGrant } from '../../src/http/routes/exchange-request.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

async function start(changes: { boundByAppToken: boolean; cache?: { minRemainingSeconds: number } }) {
  const clock = createVirtualClock();
  const sandbox = await createSandbox({ clock });
  const config = createConfigFor(sandbox);
  const nudge = { ...config.vendors.nudge, ...changes };
  const nabla = { ...config.vendors.nabla, boundByAppToken: changes.boundByAppToken };
  const broker = await startRecordingBroker({ ...config, vendors: { ...config.vendors, nudge, nabla } }, { clock });
  const issue = async (connection: string, expires_in: number) => {
    const response = await broker.issue(connection, await sandbox.mintUserToken({ sub: 'alice', expires_in }));
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const exchange = async (expires_in: number) => {
    const form = {
      grant_type: tokenExchangeGrant,
      subject_token: await sandbox.mintUserToken({ sub: 'alice', expires_in }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'nudge',
    };
    const response = await broker.call('/oauth2/token', undefined, { method: 'POST', body: new URLSearchParams(form) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const close = async () => {
    await broker[Symbol.asyncDispose]();
    await sandbox.close();
  };
  return { sandbox, broker, issue, exchange, [Symbol.asyncDispose]: close };
}

test('issues a token that outlives the token of the caller by default', async () => {
  await using started = await start({ boundByAppToken: false });
  expect(await started.issue('nudge', 2)).toMatchObject({ status: 200, body: { expires_in: 3_600 } });
  expect(await started.exchange(2)).toMatchObject({ status: 200, body: { expires_in: 3_600 } });
  expect((await started.issue('nabla', 2)).status).toBe(200);
});

test.each([
  [86_400, 3_600],
  [3_600, 3_600],
  [3_599, 3_540],
  [119, 60],
  [60, 60],
])(
  'with boundByAppToken, a caller whose token lives for %i seconds receives a token for %i seconds',
  async (left, seconds) => {
    await using started = await start({ boundByAppToken: true });
    expect(await started.issue('nudge', left)).toMatchObject({ status: 200, body: { expires_in: seconds } });
    expect(await started.exchange(left)).toMatchObject({ status: 200, body: { expires_in: seconds } });
  },
);

test.each([59, 2, 1])(
  'with boundByAppToken, the broker refuses a caller whose token lives for %i seconds, without a call to the vendor',
  async (left) => {
    await using started = await start({ boundByAppToken: true });
    expect(await started.issue('nudge', left)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    // RFC 8693 section 2.2.2: an unacceptable subject token is an invalid request.
    expect(await started.exchange(left)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(started.sandbox.calls()['nudge']).toEqual({});
    const { log, audit } = await started.broker.readRecords();
    expect(log).toContain('app_token_too_short');
    expect(audit).toContain('invalid_token');
  },
);

test('with boundByAppToken, the refresh token of Nabla counts, which lives for 30 days', async () => {
  await using started = await start({ boundByAppToken: true });
  expect(await started.issue('nabla', 86_400)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  expect(started.sandbox.calls()['nabla']).toEqual({});
});

test('with boundByAppToken, a kept token that outlives the token of the caller is not returned', async () => {
  await using started = await start({ boundByAppToken: true, cache: { minRemainingSeconds: 60 } });
  const first = await started.issue('nudge', 86_400);
  expect((await started.issue('nudge', 86_400)).body['token']).toBe(first.body['token']);
  const short = await started.issue('nudge', 600);
  expect(short.body['token']).not.toBe(first.body['token']);
  expect(short.body['expires_in']).toBe(600);
  expect((await started.issue('nudge', 86_400)).body['token']).toBe(first.body['token']);
});

test.each([
  ['vital', /vendors\.vital\.boundByAppToken: cannot be enforced/],
  ['nymbl', /vendors\.nymbl\.boundByAppToken: has no effect/],
  ['authgear', /vendors\.authgear\.boundByAppToken: has no effect/],
] as const)('refuses a configuration with boundByAppToken for %s', async (name, problem) => {
  await using sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const connection = { ...config.vendors[name], boundByAppToken: true };
  const starting = startRecordingBroker({ ...config, vendors: { ...config.vendors, [name]: connection } });
  await expect(starting).rejects.toThrow(problem);
});
