import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

/** Returns the samples of the counters of the broker. */
async function read({ render }: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await render()).split('\n').filter((line) => /^valetkey_\w+_total/.test(line));
}

test('metrics count decisions by operation, connection, vendor and outcome', async () => {
  const metrics = createMetrics();
  const decision = { operation: 'issue', connection: 'acme-eu', vendor: 'acme', outcome: 'allowed' };
  metrics.countDecision(decision);
  metrics.countDecision(decision);
  metrics.countDecision({ ...decision, outcome: 'forbidden' });
  expect(await read(metrics)).toEqual([
    'valetkey_decisions_total{operation="issue",connection="acme-eu",vendor="acme",outcome="allowed"} 2',
    'valetkey_decisions_total{operation="issue",connection="acme-eu",vendor="acme",outcome="forbidden"} 1',
  ]);
});

test('metrics count decisions about unknown connections under the label `unknown`', async () => {
  const metrics = createMetrics();
  for (let count = 0; count < 100; count += 1) {
    metrics.countDecision({ operation: 'issue', connection: `canary-${count}`, outcome: 'unknown_vendor' });
  }
  metrics.countDecision({ operation: 'issue', connection: '__proto__', outcome: 'unknown_vendor' });
  expect(await read(metrics)).toEqual([
    'valetkey_decisions_total{operation="issue",connection="unknown",vendor="unknown",outcome="unknown_vendor"} 101',
  ]);
});

test('metrics count a decision about every connection with empty labels', async () => {
  const metrics = createMetrics();
  metrics.countDecision({ operation: 'block', outcome: 'allowed' });
  expect(await read(metrics)).toEqual([
    'valetkey_decisions_total{operation="block",connection="",vendor="",outcome="allowed"} 1',
  ]);
});

test('metrics count errors by code and reason, without their text', async () => {
  const metrics = createMetrics();
  metrics.countError(new ValetKeyError('invalid_token', 'canary', { reason: 'expired', advice: 'canary' }));
  metrics.countError(new ValetKeyError('internal', 'canary'));
  expect(await read(metrics)).toEqual([
    'valetkey_problems_total{code="invalid_token",reason="expired"} 1',
    'valetkey_problems_total{code="internal",reason=""} 1',
  ]);
});

test('metrics count the events of vendors and key fetches of identity providers', async () => {
  const metrics = createMetrics();
  metrics.countVendorEvent({ connection: 'acme-eu', vendor: 'acme', type: 'circuit_opened' });
  metrics.countIdentityEvent({ type: 'keys_fetched', issuer: 'https://id.example.com', keys: 1, refused: [] });
  metrics.countIdentityEvent({ type: 'keys_fetch_failed', issuer: 'https://id.example.com', reason: 'timeout' });
  // Failed look-ups are counted as problems.
  metrics.countIdentityEvent({ type: 'look_ups_failed', issuer: 'https://id.example.com', reason: 'timeout' });
  expect(await read(metrics)).toEqual([
    'valetkey_vendor_events_total{connection="acme-eu",vendor="acme",type="circuit_opened"} 1',
    'valetkey_identity_key_fetches_total{issuer="https://id.example.com",outcome="succeeded"} 1',
    'valetkey_identity_key_fetches_total{issuer="https://id.example.com",outcome="failed"} 1',
  ]);
});

test('metrics count token cache events by connection and vendor, without the scope of the key', async () => {
  const metrics = createMetrics();
  const key = { vendor: 'acme', scope: 'canary-of-the-user' };
  metrics.countTokenEvent({ type: 'hit', key: { ...key, connection: 'acme-eu' } });
  metrics.countTokenEvent({ type: 'store_up' });
  // A key without a connection is counted under the name of its vendor.
  metrics.countTokenEvent({ type: 'hit', key });
  expect(await read(metrics)).toEqual([
    'valetkey_token_cache_events_total{connection="acme-eu",vendor="acme",type="hit"} 1',
    'valetkey_token_cache_events_total{connection="",vendor="",type="store_up"} 1',
    'valetkey_token_cache_events_total{connection="acme",vendor="acme",type="hit"} 1',
  ]);
});

test('the metrics of two brokers in one process are separate', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.countError(new ValetKeyError('internal', 'Failed.'));
  expect(await read(other)).toEqual([]);
  expect(one.contentType).toMatch(/^text\/plain/);
});
