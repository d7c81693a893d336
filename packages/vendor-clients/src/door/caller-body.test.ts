import { expect, test } from 'vitest';
import { startVendorServer } from '../testing/vendor-server.ts';
import { openDoor, type StreamCall } from './door.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };

/** A caller who sends one piece and then nothing. */
async function* stalled(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('begun');
  await new Promise(() => undefined);
}

const upload = (body: StreamCall['body']): StreamCall => ({
  method: 'POST',
  path: '/x',
  body,
  maxResponseBytes: 1_000,
});

test('callers who stop in the middle of their bodies do not close the door for others', async () => {
  await using server = await startVendorServer({ json: {} });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 500 });
  const failures = await Promise.all(
    Array.from({ length: 40 }, () =>
      door
        .begin()
        .stream(upload(stalled()))
        .then(undefined, (failure: unknown) => failure),
    ),
  );
  for (const failure of failures) expect(failure).toMatchObject({ code: 'invalid_request', reason: 'slow_body' });
  expect((await door.begin().send({ method: 'GET', path: '/x' })).status).toBe(200);
  await door.close();
});

test('a vendor that takes the body and says nothing is one that times out', async () => {
  await using server = await startVendorServer((_response, request) => request.resume());
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 500 });
  const whole = async function* () {
    yield Buffer.from('all of it');
  };
  await expect(door.begin().stream(upload(whole()))).rejects.toMatchObject({ code: 'vendor_timeout' });
  await door.close();
});

test('a vendor that does not take the body is one that times out', async () => {
  await using server = await startVendorServer((_response, request) => request.pause());
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 500 });
  const endless = async function* () {
    for (;;) yield Buffer.alloc(65_536);
  };
  await expect(door.begin().stream(upload(endless()))).rejects.toMatchObject({ code: 'vendor_timeout' });
  await door.close();
});

test('callers who spread their bodies over most of the time do not close the door either', async () => {
  await using server = await startVendorServer((response, request) => {
    request.resume().on('end', () => setTimeout(() => response.end('{}'), 300));
  });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 500 });
  const slowly = async function* () {
    for (let count = 0; count < 4; count += 1) {
      yield Buffer.from('x');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const uploads = Array.from({ length: 30 }, () => door.begin().stream(upload(slowly())));
  for (const one of await Promise.allSettled(uploads)) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'invalid_request', reason: 'slow_body' } });
  }
  server.answer({ json: {} });
  expect((await door.begin().send({ method: 'GET', path: '/x' })).status).toBe(200);
  await door.close();
});
