import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

interface List {
  readonly mappings?: readonly Readonly<Record<string, string>>[];
  readonly blocks?: readonly Readonly<Record<string, string>>[];
  readonly next_cursor?: string;
}

async function startBroker(sandbox: Sandbox) {
  const config = createConfigFor(sandbox);
  const nabla = { ...config.vendors.nabla, user: { mapping: true as const } };
  const eu = { ...config.vendors.nabla, vendor: 'nabla' as const, user: { mapping: true as const } };
  return startRecordingBroker({
    ...config,
    issuers: [...config.issuers, { issuer: 'https://other.example.com', audiences: ['api'] }],
    vendors: { ...config.vendors, nabla, 'nabla-eu': eu },
  });
}

const put = async ({ callAdmin }: RecordingBroker, path: string, body: object) =>
  (
    await callAdmin(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  ).status;

/** Follows the cursors of a list, and returns its pages. */
async function readPages({ callAdmin }: RecordingBroker, path: string, query: Record<string, string>): Promise<List[]> {
  const pages: List[] = [];
  let cursor: string | undefined;
  do {
    const search = new URLSearchParams({ ...query, ...(cursor !== undefined && { cursor }) });
    const response = await callAdmin(`${path}?${search}`);
    expect(response.status).toBe(200);
    const page = (await response.json()) as List;
    pages.push(page);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return pages;
}

test('`GET /v1/vendor-users` without a subject lists the mappings in pages, by issuer or connection if asked', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox);
  const issuers = [sandbox.urls.idp, 'https://other.example.com'];
  const rows = issuers.flatMap((issuer) =>
    ['nabla', 'nabla-eu'].flatMap((connection) =>
      ['alice', 'b\ud800b', 'é,"'].map((subject) => ({ issuer, subject, connection, vendor_user_id: `${subject}!` })),
    ),
  );
  for (const row of rows) expect(await put(broker, '/v1/vendor-users', row)).toBe(204);
  const list = async (query: Record<string, string>) =>
    (await readPages(broker, '/v1/vendor-users', query)).flatMap(({ mappings = [] }) => mappings);
  const shown = rows.map((row) => ({ ...row, vendor: 'nabla' }));

  for (const limit of ['1', '5', '12', '1000']) {
    const listed = await list({ limit });
    expect(listed).toHaveLength(12);
    expect(listed).toEqual(expect.arrayContaining(shown));
  }
  expect(await readPages(broker, '/v1/vendor-users', { limit: '4' })).toHaveLength(3);
  const ofOther = shown.filter(({ issuer }) => issuer === 'https://other.example.com');
  expect(await list({ issuer: 'https://other.example.com', limit: '2' })).toEqual(expect.arrayContaining(ofOther));
  const european = await list({ connection: 'nabla-eu', limit: '2' });
  expect(european.map(({ connection }) => connection)).toEqual(Array(6).fill('nabla-eu'));
  expect((await broker.callAdmin('/v1/vendor-users?connection=nowhere')).status).toBe(404);
  const principal = new URLSearchParams({ issuer: sandbox.urls.idp, subject: 'alice' });
  expect(await (await broker.callAdmin(`/v1/vendor-users?${principal}`)).json()).toEqual({
    vendor_users: { nabla: 'alice!', 'nabla-eu': 'alice!' },
  });
});

test('`GET /v1/blocked-users` without a subject lists the blocks with reason, actor and time in pages', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox);
  const block = (subject: string, more: object = {}) =>
    put(broker, '/v1/blocked-users', { issuer: sandbox.urls.idp, subject, ...more });
  expect(await block('alice', { reason: 'Left the company.' })).toBe(204);
  expect(await block('bob')).toBe(204);
  expect(await block('carol', { reason: 'x'.repeat(200) })).toBe(204);
  expect(await block('dave', { reason: 'x'.repeat(201) })).toBe(400);
  expect(await block('dave', { reason: '' })).toBe(400);
  const details = {
    issuer: sandbox.urls.idp,
    actor: 'admin',
    at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
  };
  const pages = await readPages(broker, '/v1/blocked-users', { limit: '2' });
  expect(pages.map(({ blocks = [] }) => blocks)).toEqual([
    [
      { ...details, subject: 'alice', reason: 'Left the company.' },
      { ...details, subject: 'bob' },
    ],
    [{ ...details, subject: 'carol', reason: 'x'.repeat(200) }],
  ]);
  const ofOther = await readPages(broker, '/v1/blocked-users', { issuer: 'https://other.example.com' });
  expect(ofOther).toEqual([{ blocks: [] }]);
});

test('the lists refuse a wrong limit, an unknown parameter and a cursor of another list', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startBroker(sandbox);
  for (const subject of ['alice', 'bob']) {
    await put(broker, '/v1/blocked-users', { issuer: sandbox.urls.idp, subject });
    const mapping = { issuer: sandbox.urls.idp, subject, connection: 'nabla', vendor_user_id: 'one' };
    await put(broker, '/v1/vendor-users', mapping);
  }
  const [{ next_cursor: cursor = '' } = {}] = await readPages(broker, '/v1/blocked-users', { limit: '1' });
  const other = 'https://other.example.com';
  const refused = [
    ['/v1/blocked-users', { limit: '0' }],
    ['/v1/blocked-users', { limit: '1001' }],
    ['/v1/blocked-users', { limit: 'many' }],
    ['/v1/blocked-users', { connection: 'nabla' }],
    ['/v1/blocked-users', { subject: 'alice' }],
    ['/v1/blocked-users', { issuer: sandbox.urls.idp, subject: 'alice', limit: '1' }],
    ['/v1/blocked-users', { cursor: 'canary' }],
    ['/v1/blocked-users', { cursor: Buffer.from('null').toString('base64url') }],
    ['/v1/blocked-users', { cursor, issuer: other }],
    ['/v1/vendor-users', { cursor }],
    ['/v1/vendor-users', { offset: '1' }],
    ['/v1/vendor-users', { subject: 'alice' }],
  ] as const;
  for (const [path, query] of refused) {
    const response = await broker.callAdmin(`${path}?${new URLSearchParams(query)}`);
    expect([path, query, response.status]).toEqual([path, query, 400]);
    expect(await response.text()).not.toContain('canary');
  }
  expect((await fetch(`${broker.adminUrl}/v1/blocked-users`)).status).toBe(401);
});
