import type { IssuerStatus, JwtVerifier } from '@valetkey/jwt-verify';
import type { RedisStore } from '@valetkey/token-cache/redis';
import { expect, test } from 'vitest';
import type { StoreHealth } from '../storage/store-health.ts';
import { checkReadiness } from './readiness.ts';

const fresh: IssuerStatus = { issuer: 'https://id.example.com', keys: 2, stale: false, ageSeconds: 5 } as IssuerStatus;
const fail = () => Promise.reject(new Error('canary-of-the-part'));

function check({
  store = async () => undefined as void,
  statuses = [fresh],
  ping,
  draining = false,
  observedRules,
}: {
  store?: () => Promise<void>;
  statuses?: readonly IssuerStatus[];
  ping?: () => Promise<void>;
  draining?: boolean;
  observedRules?: readonly string[];
} = {}) {
  return checkReadiness({
    storeHealth: { check: store } as StoreHealth,
    verifier: { status: () => statuses } as JwtVerifier,
    redis: ping && ({ ping } as RedisStore),
    lifecycle: { draining },
    ...(observedRules && { observedRules }),
  });
}

test('the broker is ready when its store can be written', async () => {
  expect(await check()).toEqual({ ready: true, parts: { store: 'ok', identity: 'ok' } });
});

test('the broker is not ready while it cannot write to its store', async () => {
  expect(await check({ store: fail })).toEqual({ ready: false, parts: { store: 'unusable', identity: 'ok' } });
});

test('the broker is not ready while it drains', async () => {
  expect(await check({ draining: true })).toEqual({
    ready: false,
    parts: { store: 'ok', identity: 'ok', shutdown: 'draining' },
  });
});

test.each([
  ['ok', async () => undefined as void],
  ['unreachable', fail],
])('the broker is ready while Redis is %s, and reports the state of Redis', async (redis, ping) => {
  expect(await check({ ping })).toEqual({ ready: true, parts: { store: 'ok', identity: 'ok', redis } });
});

test('the broker is ready while issuers have no keys or only old keys, and names these issuers', async () => {
  const missing = { ...fresh, issuer: 'https://missing.example.com', keys: 0 };
  const stale = { ...fresh, issuer: 'https://stale.example.com', stale: true, ageSeconds: 900 };
  expect(await check({ statuses: [missing, fresh, stale] })).toEqual({
    ready: true,
    parts: {
      store: 'ok',
      identity:
        'no keys of https://missing.example.com yet; ' +
        'keys of https://stale.example.com are 900 s old and could not be renewed',
    },
  });
});

test('the broker names the rules that only observe', async () => {
  const observedRules = ['vendors.acme.policy.rules.0', 'vendors.acme.policy.rules.2'];
  expect(await check({ observedRules })).toMatchObject({
    ready: true,
    parts: { policy: 'only observed: vendors.acme.policy.rules.0, vendors.acme.policy.rules.2' },
  });
});
