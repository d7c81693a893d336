import { expect, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { issued, problem, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type { ValetError } from '../errors/valet-error.ts';
import { nablaSessionTokens, type NablaSessionTokens, type NablaSessionTokensOptions } from './nabla.ts';

/** Creates a client whose pauses between two attempts take no time. `pauses` are their lengths in milliseconds. */
async function valetOf(respond: () => FakeResponse, getAppToken: () => string | null = () => 'app-token') {
  const broker = await startFakeBroker(respond);
  const { clock } = createVirtualClock();
  const pauses: number[] = [];
  const hooks = { onPause: () => undefined as void };
  const schedule = (task: () => void, delayMs: number) => {
    // The timeout of a call is longer than each pause.
    if (delayMs >= 10_000) return clock.schedule(task, delayMs);
    pauses.push(delayMs);
    hooks.onPause();
    setImmediate(task);
    return () => undefined;
  };
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock: { ...clock, schedule } });
  return { broker, valet, pauses, hooks };
}

/**
 * A replacement for `NablaClient` of Nabla's SDK for React Native. Its native code waits for `provideTokens`, which the SDK
 * never calls if the provider rejects, and refuses expired tokens as Nabla's SDKs for iOS and Android do.
 */
function createNablaClient() {
  let provide: (() => Promise<NablaSessionTokens>) | undefined;
  return {
    initialize: (_configuration: object, provider: () => Promise<NablaSessionTokens>) => {
      provide = provider;
    },
    call: () =>
      new Promise<string>((resolve, reject) => {
        const provideTokens = ({ accessToken, refreshToken }: NablaSessionTokens) => {
          if ([accessToken, refreshToken].every(isExpired)) reject(new Error('UnableToGetFreshSessionToken'));
          else resolve(accessToken);
        };
        void provide?.().then(provideTokens);
      }),
  };
}

function isExpired(token: string): boolean {
  const parts = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  const [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(part) as { alg: string; exp: number });
  expect([parts.length, typeof header?.alg]).toEqual([3, 'string']);
  return (payload?.exp ?? Number.POSITIVE_INFINITY) * 1000 <= Date.now();
}

test('"when the app needs them, they need to be fresh": nablaSessionTokens requests new tokens for each call, with the field names of Nabla\'s SDK', async () => {
  let count = 0;
  const { valet, broker } = await valetOf(() => {
    count += 1;
    return issued('nabla', { access_token: `access-${count}`, refresh_token: `refresh-${count}` });
  });
  const provide = nablaSessionTokens(valet);

  const pairs = await Promise.all([provide(), provide()]);

  expect(pairs).toContainEqual({ accessToken: 'access-1', refreshToken: 'refresh-1' });
  expect(pairs).toContainEqual({ accessToken: 'access-2', refreshToken: 'refresh-2' });
  expect(broker.requests).toHaveLength(2);
});

/** Calls Nabla's SDK, whose provider fails, and returns what the app learns. */
async function failAtNabla(respond: () => FakeResponse, getAppToken?: () => string | null) {
  const { valet, broker, pauses } = await valetOf(respond, getAppToken);
  const failures: ValetError[] = [];
  const nabla = createNablaClient();
  nabla.initialize({}, nablaSessionTokens(valet, { onFailure: (error) => failures.push(error) }));
  await expect(nabla.call()).rejects.toThrow('UnableToGetFreshSessionToken');
  return { codes: failures.map(({ code }) => code), requestCount: broker.requests.length, pauses };
}

test.each([
  {},
  { access_token: 'a' },
  { access_token: 'a', refresh_token: '' },
  { access_token: 1, refresh_token: 'r' },
])("Nabla's SDK does not wait for ever when the response has only %j", async (fields) => {
  const outcome = await failAtNabla(() => issued('nabla', fields));

  expect(outcome).toEqual({ codes: ['response_invalid'], requestCount: 1, pauses: [] });
});

test("Nabla's SDK does not wait for ever when no user is signed in", async () => {
  const outcome = await failAtNabla(
    () => problem(500, 'internal'),
    () => null,
  );

  expect(outcome).toEqual({ codes: ['signed_out'], requestCount: 0, pauses: [] });
});

test('nablaSessionTokens requests the tokens three times while a retry may succeed, and then gives up', async () => {
  const outcome = await failAtNabla(() => problem(503, 'vendor_unavailable'));

  expect(outcome).toEqual({ codes: ['vendor_unavailable'], requestCount: 3, pauses: [1000, 2000] });
});

test('nablaSessionTokens does not wait for a retry that the broker allows only after more than five seconds', async () => {
  const outcome = await failAtNabla(() => problem(503, 'vendor_unavailable', { 'retry-after': '6' }));

  expect(outcome).toEqual({ codes: ['vendor_unavailable'], requestCount: 1, pauses: [] });
});

test('nablaSessionTokens resolves with the tokens of a retry, after the time that the broker names', async () => {
  const responses = [problem(503, 'vendor_unavailable', { 'retry-after': '2' })];
  const tokens = issued('nabla', { access_token: 'a', refresh_token: 'r' });
  const { valet, pauses } = await valetOf(() => responses.shift() ?? tokens);

  expect(await nablaSessionTokens(valet)()).toEqual({ accessToken: 'a', refreshToken: 'r' });
  expect(pauses).toEqual([2000]);
});

test('nablaSessionTokens does not request the tokens of the next user when signOut is called before a retry', async () => {
  const { valet, broker, pauses, hooks } = await valetOf(() => problem(503, 'vendor_unavailable'));
  hooks.onPause = () => valet.signOut();
  const onFailure = () => {
    throw new Error('the app fails as well');
  };

  const { accessToken } = await nablaSessionTokens(valet, { onFailure })();

  expect(isExpired(accessToken)).toBe(true);
  expect([pauses, broker.requests.length]).toEqual([[1000], 1]);
});

test.each([
  ['onFailure', true],
  ['onfailure', () => undefined],
])('nablaSessionTokens throws a TypeError that names the option %s if its value is %s', async (name, value) => {
  const { valet } = await valetOf(() => issued('nabla', {}));

  expect(() => nablaSessionTokens(valet, { [name]: value } as NablaSessionTokensOptions)).toThrow(`\`${name}\``);
});
