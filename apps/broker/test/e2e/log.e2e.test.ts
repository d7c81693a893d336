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
