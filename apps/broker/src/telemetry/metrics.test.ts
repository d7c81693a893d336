import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

const vendors = new Map([['acme-eu', 'acme']]);

/** Returns the broker's own samples; those of Node's default metrics are left out. */
async function read({ render }: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await render()).split('\n').filter((line) => line.startsWith('valetkey_'));
}

test('metrics count decisions by operation, connection, vendor and outcome', async () => {
  const metrics = createMetrics(vendors);
  const decision = { operation: 'issue', connection: 'acme-eu', outcome: 'allowed' };
  metrics.countDecision(decision);
  metrics.countDecision(decision);
  metrics.countDecision({ ...decision, outcome: 'forbidden' });
  expect(await read(metrics)).toEqual([
    'valetkey_decisions_total{operation="issue",connection="acme-eu",vendor="acme",outcome="allowed"} 2',
    'valetkey_decisions_total{operation="issue",connection="acme-eu",vendor="acme",outcome="forbidden"} 1',
  ]);
});

test('metrics count every unknown connection under one label, so that callers cannot create labels', async () => {
  const metrics = createMetrics(vendors);
  for (let count = 0; count < 100; count += 1) {
    metrics.countDecision({ operation: 'issue', connection: `canary-${count}`, outcome: 'unknown_vendor' });
  }
  metrics.countDecision({ operation: 'issue', connection: '__proto__', outcome: 'unknown_vendor' });
  expect(await read(metrics)).toEqual([
    'valetkey_decisions_total{operation="issue",connection="unknown",vendor="unknown",outcome="unknown_vendor"} 101',
  ]);
});

test('metrics count problems by code and reason, without the text of the error', async () => {
  const metrics = createMetrics(vendors);
  metrics.countProblem(new ValetKeyError('invalid_token', 'canary', { reason: 'expired', advice: 'canary' }));
  metrics.countProblem(new ValetKeyError('internal', 'canary'));
  expect(await read(metrics)).toEqual([
    'valetkey_problems_total{code="invalid_token",reason="expired"} 1',
    'valetkey_problems_total{code="internal",reason=""} 1',
  ]);
});

test('metrics count the events of vendors, identity providers and the token cache', async () => {
  const metrics = createMetrics(vendors);
  metrics.countVendorEvent({ connection: 'acme-eu', vendor: 'acme', type: 'circuit_opened' });
  metrics.countIdentityEvent({ type: 'keys_fetched', issuer: 'https://id.example.com', keys: 1, refused: [] });
  metrics.countIdentityEvent({ type: 'keys_fetch_failed', issuer: 'https://id.example.com', reason: 'timeout' });
  const key = { vendor: 'acme', scope: 'canary-of-the-user' };
  metrics.countTokenEvent({ type: 'hit', key: { ...key, connection: 'acme-eu' } });
  metrics.countTokenEvent({ type: 'hit', key });
  metrics.countTokenEvent({ type: 'store_up' });
  expect(await read(metrics)).toEqual([
    'valetkey_vendor_events_total{connection="acme-eu",vendor="acme",type="circuit_opened"} 1',
    'valetkey_identity_key_fetches_total{issuer="https://id.example.com",outcome="succeeded"} 1',
    'valetkey_identity_key_fetches_total{issuer="https://id.example.com",outcome="failed"} 1',
    'valetkey_server_token_events_total{connection="acme-eu",vendor="acme",type="hit"} 1',
    'valetkey_server_token_events_total{connection="acme",vendor="acme",type="hit"} 1',
    'valetkey_server_token_events_total{connection="",vendor="",type="store_up"} 1',
  ]);
});

test('metrics of two brokers in one process are separate', async () => {
  const [one, other] = [createMetrics(vendors), createMetrics(vendors)];
  one.countProblem(new ValetKeyError('internal', 'Failed.'));
  expect(await read(other)).toEqual([]);
  expect(one.contentType).toMatch(/^text\/plain/);
});
