import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

test('each log line about a request names its id once, as `requestId`', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'status', status: 418 } }]);
  const mapping = { connection: 'vital', issuer: sandbox.urls.idp, subject: 'bob', vendor_user_id: 'u-1' };
  const responses = {
    allowed: await broker.issue('nabla', alice),
    'refused by the vendor': await broker.issue('nudge', alice),
    'refused token': await broker.issue('nabla', 'a.b.c'),
    'unknown path': await broker.call('/unknown', alice),
    'change of an operator': await broker.callAdmin('/v1/vendor-users', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(mapping),
    }),
  };
  for (const [name, { headers }] of Object.entries(responses)) {
    const id = headers.get('x-request-id') ?? '';
    const lines = broker.logLines().filter((line) => line.includes(id));
    expect(lines.length, name).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line.split(id), line).toHaveLength(2);
      expect(line.split('"reqId"'), line).toHaveLength(1);
      expect(JSON.parse(line), line).toMatchObject({ requestId: id });
    }
  }
});

test('the log says nothing about the addresses, because the program that listens prints them', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  await broker.call('/healthz');
  expect(broker.logLines().filter((line) => /listen/i.test(line))).toEqual([]);
});

test('a request has the id of its trusted proxy in the response, the error, the audit and each log line', async () => {
  await using sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const listen = { ...config.listen, trustedProxies: ['127.0.0.0/8'], proxyRequestIds: true };
  await using broker = await startRecordingBroker({ ...config, listen });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  const headers = { 'x-request-id': 'proxy-chosen-1' };
  const allowed = await broker.issue('nabla', alice, { headers });
  expect(allowed.headers.get('x-request-id')).toBe('proxy-chosen-1');
  const refused = await broker.issue('unknown-connection', alice, { headers: { 'x-request-id': 'proxy-chosen-2' } });
  expect(await refused.json()).toMatchObject({ request_id: 'proxy-chosen-2' });
  const { audit } = await broker.readRecords();
  expect(JSON.parse(audit)).toMatchObject({
    decisions: expect.arrayContaining([
      expect.objectContaining({ request_id: 'proxy-chosen-1' }),
      expect.objectContaining({ request_id: 'proxy-chosen-2' }),
    ]) as unknown,
  });
  for (const id of ['proxy-chosen-1', 'proxy-chosen-2']) {
    const lines = broker.logLines().filter((line) => line.includes(id));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ requestId: id });
    for (const line of lines) expect(line.split(id), line).toHaveLength(2);
  }
});

test('a request of a client that is no trusted proxy has a new id, and so has every request to the admin listener', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  const headers = { 'x-request-id': 'client-chosen-1' };
  const responses = [
    await broker.call('/healthz', undefined, { headers }),
    await broker.callAdmin('/healthz', { headers }),
  ];
  const listen = { port: 0, trustedProxies: ['127.0.0.0/8'], proxyRequestIds: true };
  await using trusting = await startRecordingBroker({ ...createConfigFor(sandbox), listen });
  responses.push(await trusting.callAdmin('/healthz', { headers }));
  for (const response of responses) expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});
