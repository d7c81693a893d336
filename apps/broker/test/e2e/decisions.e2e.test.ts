import { createSandbox } from '@valetkey/sandbox';
import { expect, onTestFinished, test } from 'vitest';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Decision } from '../../src/storage/audit-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

type Page = { readonly decisions: readonly Record<string, unknown>[]; readonly next_cursor?: string };

const row: Decision = {
  at: '2026-01-01T14:02:00.000Z',
  requestId: 'r-1',
  operation: 'issue',
  connection: 'nabla',
  vendor: 'nabla',
  issuer: 'https://id.example.com',
  subject: 'alice',
  vendorUserId: 'u-1',
  outcome: 'allowed',
};

async function startWithDecisions(count: number, replaced: (store: Store) => Partial<Store> = () => ({})) {
  const memory = createSqliteStore(':memory:');
  for (let index = 0; index < count; index += 1) await memory.recordDecisions([{ ...row, requestId: `r-${index}` }]);
  const sandbox = await createSandbox();
  const broker = await startRecordingBroker(createConfigFor(sandbox), { store: { ...memory, ...replaced(memory) } });
  onTestFinished(async () => {
    await broker.broker.close();
    await sandbox.close();
  });
  return { broker, sandbox, memory };
}

async function readPage({ callAdmin }: RecordingBroker, query = ''): Promise<Page> {
  const response = await callAdmin(`/v1/decisions${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

test('`GET /v1/decisions` returns pages without a gap, and no cursor on the last one', async () => {
  const { broker } = await startWithDecisions(5);
  const first = await readPage(broker, '?limit=3&subject=alice');
  const last = await readPage(broker, `?limit=3&subject=alice&cursor=${first.next_cursor}`);
  expect([...first.decisions, ...last.decisions].map((each) => each['request_id'])).toEqual(
    [4, 3, 2, 1, 0].map((index) => `r-${index}`),
  );
  expect(last).not.toHaveProperty('next_cursor');
  expect(await readPage(broker, '?since=2026-01-01T15:02:00%2B01:00&until=2026-01-01T14:02:01Z')).toMatchObject({
    decisions: { length: 5 },
  });
  expect(await readPage(broker, '?vendor_user_id=u-1&until=2026-01-01T14:02:00Z')).toEqual({ decisions: [] });
  expect(await readPage(broker, '?request_id=r-3')).toMatchObject({ decisions: [{ request_id: 'r-3' }] });
});

test.each([
  ['user=alice', 'user'],
  ['issuers=a', 'issuers'],
  ['since=yesterday', 'since'],
  ['until=2026-01-01', 'until'],
  ['limit=0', 'limit'],
  ['limit=1001', 'limit'],
  ['subject=', 'subject'],
  ['subject=alice&subject=bob', 'subject'],
  ['operation=delete', 'operation'],
  ['cursor=canary', 'cursor'],
  [`cursor=${Buffer.from("1 '; DROP TABLE decision; --").toString('base64')}!`, 'cursor'],
  [`cursor=${Buffer.from('99999999999999999999 2026').toString('base64url')}`, 'cursor'],
])('`GET /v1/decisions` refuses the query %s and names the parameter', async (query, field) => {
  const { broker } = await startWithDecisions(0);
  const response = await broker.callAdmin(`/v1/decisions?${query}`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'invalid_request',
    detail: `These query parameters are unknown or wrong: ${field}.`,
    remediation: expect.stringContaining('`vendor_user_id`'),
  });
});

test('`GET /v1/decisions` streams the whole selection as lines of JSON, in pages of 1,000 decisions', async () => {
  let pages = 0;
  const { broker } = await startWithDecisions(3_500, (store) => ({
    listDecisions: (query) => {
      pages += 1;
      return store.listDecisions(query);
    },
  }));
  const read = (query: string) =>
    broker.callAdmin(`/v1/decisions${query}`, { headers: { accept: 'application/x-ndjson' } });
  const response = await read('?subject=alice');
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await response.text()).trimEnd().split('\n');
  const ids = lines.map((line) => (JSON.parse(line) as { request_id: string }).request_id);
  expect(ids).toEqual(Array.from({ length: 3_500 }, (_, index) => `r-${3_499 - index}`));
  expect(pages).toBe(4);
  expect((await (await read('?limit=2')).text()).trimEnd().split('\n')).toHaveLength(2);
  expect(await (await read('?subject=bob')).text()).toBe('');
});

test('`GET /v1/decisions` responds 503 to a caller that wants lines if the store cannot be read', async () => {
  const { broker } = await startWithDecisions(0, () => ({
    listDecisions: () => Promise.reject(Object.assign(new Error('canary'), { code: 'EIO' })),
  }));
  const response = await broker.callAdmin('/v1/decisions', { headers: { accept: 'application/x-ndjson' } });
  expect(response.status).toBeGreaterThanOrEqual(500);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
});

test('a lost page cuts the stream of lines off, so that it does not look complete', async () => {
  let pages = 0;
  const { broker } = await startWithDecisions(2_500, (store) => ({
    listDecisions: async (query) => {
      pages += 1;
      if (pages === 2) throw new Error('canary');
      return store.listDecisions(query);
    },
  }));
  const response = await broker.callAdmin('/v1/decisions', { headers: { accept: 'application/x-ndjson' } });
  await expect(response.text()).rejects.toBeInstanceOf(TypeError);
});

test('a decision about a proxied call names the method, the entry of the allow-list, the status of the vendor and the duration', async () => {
  const { broker, sandbox } = await startWithDecisions(0);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  await (await broker.call('/v1/vendors/nymbl/proxy/Patients?%24top=1', token)).text();
  await (await broker.call('/v1/vendors/nymbl/proxy/Secrets/canary-1', token, { method: 'DELETE' })).text();
  const { decisions } = await readPage(broker, '?operation=proxy');
  expect(decisions).toMatchObject([
    { method: 'DELETE', outcome: 'forbidden', reason: 'allow' },
    { method: 'GET', path: '/Patients', vendor_status: 200, outcome: 'allowed', duration_ms: expect.any(Number) },
  ]);
  expect(decisions[0]).not.toHaveProperty('path');
  expect(JSON.stringify(decisions)).not.toMatch(/canary|top/);
});
