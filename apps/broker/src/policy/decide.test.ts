import type { Principal } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PolicyFunction, PolicyRequest } from '../config/policy-function.ts';
import { createDecision } from './decide.ts';

const alice: Principal = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: ['rooms'],
  claims: { tier: 'gold', app: { roles: ['staff'] } },
};
const request = { principal: alice, operation: 'proxy', connection: 'acme-eu', method: 'GET', path: '/Rooms' } as const;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Asks a function about alice's request. The function may be what no configuration can have. */
function ask(decide: (...given: Parameters<PolicyFunction>) => unknown, decideTimeoutMs?: number, asked = request) {
  const policy = { default: 'allow' as const, rules: [], decide: decide as PolicyFunction, decideTimeoutMs };
  const assertDecided = createDecision({ place: 'vendors.acme-eu', vendor: 'acme', policy });
  if (assertDecided === undefined) throw new Error('The policy has a function.');
  return assertDecided(asked);
}

test('createDecision returns undefined for a policy without a function', () => {
  expect(createDecision({ place: 'forwardAuth', policy: undefined })).toBeUndefined();
  expect(createDecision({ place: 'forwardAuth', policy: { default: 'deny', rules: [] } })).toBeUndefined();
});

test.each<[string, () => unknown]>([
  ['true', () => true],
  ['a promise of true', async () => true],
])('a request is allowed if the function returns %s', async (_, decide) => {
  await expect(ask(decide)).resolves.toBeUndefined();
});

test('a request is refused with `forbidden` and the field as the reason if the function returns false', async () => {
  const refused = { code: 'forbidden', vendor: 'acme', reason: 'policy.decide' };
  await expect(ask(() => false)).rejects.toMatchObject(refused);
  await expect(ask(async () => false)).rejects.toMatchObject({
    ...refused,
    message: 'The function vendors.acme-eu.policy.decide refuses this request.',
  });
});

test.each<[string, () => unknown]>([
  ['undefined', () => undefined],
  ['null', () => null],
  ['1', () => 1],
  ['the text true', () => 'true'],
  ['an object', () => ({ allowed: true })],
  ['a Boolean object', () => Object(true) as unknown],
  ['a list', () => [true]],
  ['a promise of a promise of nothing', async () => Promise.resolve()],
])('a function that returns %s has not decided: `policy_unavailable`', async (_, decide) => {
  await expect(ask(decide)).rejects.toMatchObject({
    code: 'policy_unavailable',
    status: 503,
    retryable: true,
    reason: 'policy.decide: no_boolean',
  });
});

const hostileThenable = {
  // oxlint-disable-next-line unicorn/no-thenable
  then() {
    throw new Error('canary');
  },
};

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('canary');
    },
  ],
  ['rejects', () => Promise.reject(new Error('canary'))],
  // oxlint-disable-next-line prefer-promise-reject-errors
  ['rejects with true', () => Promise.reject(true)],
  [
    'throws no error',
    () => {
      // oxlint-disable-next-line no-throw-literal
      throw 'canary';
    },
  ],
  ['returns a promise that throws', () => hostileThenable],
])(
  'a function that %s refuses with `policy_unavailable`, and the error contains no text of the function',
  async (_, decide) => {
    const error: unknown = await ask(decide).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'policy_unavailable', reason: 'policy.decide: threw' });
    const { message, remediation, advice, cause } = error as Record<string, unknown>;
    expect(JSON.stringify([message, remediation, advice, cause])).not.toContain('canary');
  },
);

test('a function has the time limit of its policy, and learns from its signal that the limit has passed', async () => {
  let signal: AbortSignal | undefined;
  const attempt = ask((_request, context) => {
    ({ signal } = context);
    return new Promise(() => undefined);
  }, 250);
  const outcome = attempt.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(249);
  expect(signal?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await outcome).toMatchObject({
    code: 'policy_unavailable',
    reason: 'policy.decide: timeout',
    advice: expect.stringContaining('longer than 250 ms'),
  });
  expect(signal?.aborted).toBe(true);
});

test('a function without a time limit of its own has one second', async () => {
  const late = (delayMs: number) => () => new Promise((resolve) => setTimeout(() => resolve(true), delayMs));
  const inTime = ask(late(999));
  const tooLate = ask(late(1_001)).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_001);
  await inTime;
  expect(await tooLate).toMatchObject({ reason: 'policy.decide: timeout' });
});

test('a decision that comes after the time limit changes nothing, and its error is not unhandled', async () => {
  const attempt = ask(
    (_request, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('canary')))),
  );
  const outcome = attempt.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await outcome).toMatchObject({ reason: 'policy.decide: timeout' });
  expect(vi.getTimerCount()).toBe(0);
});

test('a function receives a frozen copy of the request, and cannot change what the broker uses', async () => {
  let received: PolicyRequest | undefined;
  await ask((given) => {
    received = given;
    return true;
  });
  expect(received).toEqual({ ...request, principal: { ...alice } });
  const inside = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(inside)] : [];
  const [whole, ...parts] = inside(received);
  for (const part of [whole, ...parts]) expect(Object.isFrozen(part)).toBe(true);
  const originals = inside(alice);
  for (const part of parts) expect(originals).not.toContain(part);
  expect(originals.some((part) => Object.isFrozen(part))).toBe(false);
});

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'the claims that a function receives inherit no property %s, and have it if the token has it',
  async (name) => {
    const read = async (text: string) => {
      let found: unknown;
      const principal = { ...alice, claims: JSON.parse(text) as Principal['claims'] };
      await ask(
        ({ principal: { claims } }) => {
          found = [claims[name], (claims['app'] as Record<string, unknown>)[name]];
          return true;
        },
        undefined,
        { ...request, principal } as typeof request,
      );
      return found;
    };
    expect(await read('{"app":{}}')).toEqual([undefined, undefined]);
    expect(await read(`{"${name}":"a","app":{"${name}":"b"}}`)).toEqual(['a', 'b']);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  },
);

test('claims that are nested too deeply to be copied are a failure and not an exception', async () => {
  const depth = 200_000;
  const deep = JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
  const asked = { ...request, principal: { ...alice, claims: { deep } } } as unknown as typeof request;
  await expect(ask(() => true, undefined, asked)).rejects.toMatchObject({ reason: 'policy.decide: threw' });
});
