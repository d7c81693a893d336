import { setTimeout } from 'node:timers/promises';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { startWrittenVendor } from '../support/written-vendor.ts';

const bodyBytes = 3_000_000;
const bytesPerSecond = 150_000;

/** Returns a body that arrives slowly, in ten pieces a second. */
async function* sendSlowly(): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(bytesPerSecond / 10).fill(0x20);
  for (let sent = 0; sent < bodyBytes; sent += piece.length) {
    yield piece;
    await setTimeout(100);
  }
}

test('the broker passes on a body of 3 MB that needs 20 seconds, if `maxRequestBytes` and `streamTimeoutMs` allow it', async () => {
  await using sandbox = await createSandbox();
  let received = 0;
  await using vendor = await startWrittenVendor(async (response, request) => {
    for await (const chunk of request) received += (chunk as Buffer).length;
    response.end('{}');
  });
  const config = createConfigFor(sandbox);
  const nymbl = {
    ...config.vendors.nymbl,
    baseUrl: vendor.url,
    allow: [{ method: 'POST' as const, path: '/Patients' }],
    maxRequestBytes: 104_857_600,
    streamTimeoutMs: 120_000,
  };
  await using broker = await startRecordingBroker({ ...config, vendors: { nymbl } });
  const startedAt = performance.now();
  const response = await broker.call(
    '/v1/vendors/nymbl/proxy/Patients',
    await sandbox.mintUserToken({ sub: 'alice' }),
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: ReadableStream.from(sendSlowly()),
      duplex: 'half',
    } as RequestInit,
  );
  expect(response.status).toBe(200);
  expect(received).toBe(bodyBytes);
  // A fixed total time of 15 seconds would have ended the request.
  expect(performance.now() - startedAt).toBeGreaterThan(16_000);
});
