import { afterEach, expect, test, vi } from 'vitest';
import { startVendorServer, type PlannedResponse } from '../../testing/vendor-server.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { openDoor, type StreamCall } from './door.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };
/** The time of an operation, and the remaining time when the test sends the body. */
const timeoutMs = 60_000;
const leftMs = 1_000;
const call = { method: 'GET', path: '/x' };

const upload = (body: StreamCall['body'], uploadTimeoutMs?: number): StreamCall => ({
  method: 'POST',
  path: '/x',
  body,
  uploadTimeoutMs,
  maxResponseBytes: 1_000,
});

afterEach(() => {
  vi.useRealTimers();
});

/** Sends slow bodies of 25 callers to a vendor that never responds, and expects that the circuit stays closed. */
async function expectSlowCallers(
  bodyOf: (pass: (milliseconds: number) => void, noteSent: () => void) => StreamCall['body'],
): Promise<void> {
  await using server = await startVendorServer((_response, request) => request.resume());
  // Time passes only when this test says so. The network is real.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { advance, ...clock } = createVirtualClock();
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs }, { clock });
  let sent = 0;
  const noteSent = () => void (sent += 1);
  const operations = Array.from({ length: 25 }, () => door.begin());
  advance(timeoutMs - leftMs);
  const uploads = operations.map((operation) => operation.stream(upload(bodyOf(advance, noteSent))));
  const ends = Promise.allSettled(uploads);
  while (sent < uploads.length) await new Promise(setImmediate);
  vi.advanceTimersByTime(leftMs);
  for (const ended of await ends) {
    expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'invalid_request', reason: 'slow_body' } });
  }
  server.respond({ json: {} });
  expect((await door.begin().send(call)).status).toBe(200);
  await door.close();
}

test('callers that stop in the middle of their bodies do not open the circuit', async () => {
  await expectSlowCallers(async function* stalled(pass, noteSent) {
    yield Buffer.from('begun');
    pass(leftMs);
    noteSent();
    await new Promise(() => undefined);
  });
});

test('callers that need most of the time to send their bodies do not open the circuit', async () => {
  await expectSlowCallers(async function* slow(pass, noteSent) {
    for (let count = 0; count < 4; count += 1) {
      pass(leftMs / 6);
      yield Buffer.from('x');
    }
    noteSent();
  });
});

test('a vendor that receives the body and does not respond times out', async () => {
  await using server = await startVendorServer((_response, request) => request.resume());
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: leftMs }, { clock: createVirtualClock() });
  const whole = async function* () {
    yield Buffer.from('all of it');
  };
  await expect(door.begin().stream(upload(whole()))).rejects.toMatchObject({ code: 'vendor_timeout' });
  await door.close();
});

test('a vendor that does not receive the body times out', async () => {
  await using server = await startVendorServer((_response, request) => request.pause());
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: leftMs }, { clock: createVirtualClock() });
  const endless = async function* () {
    for (;;) yield Buffer.alloc(65_536);
  };
  await expect(door.begin().stream(upload(endless()))).rejects.toMatchObject({ code: 'vendor_timeout' });
  await door.close();
});

const hang: PlannedResponse = (_response, request) => request.resume();

/** Sends a body in five pieces. The caller sends a piece after 90 % of the operation's time. Returns the outcome of the call. */
async function sendSlowly(response: PlannedResponse, uploadTimeoutMs: number): Promise<unknown> {
  await using server = await startVendorServer(response);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { advance, ...clock } = createVirtualClock();
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: leftMs }, { clock });
  const pass = (milliseconds: number) => {
    advance(milliseconds);
    vi.advanceTimersByTime(milliseconds);
  };
  const slow = async function* () {
    for (let count = 0; count < 5; count += 1) {
      pass(leftMs * 0.9);
      yield Buffer.from('x');
      sent += 1;
    }
  };
  let sent = 0;
  const outcomes: unknown[] = [];
  void door
    .begin()
    .stream(upload(slow(), uploadTimeoutMs))
    .then(
      ({ status }) => outcomes.push(status),
      (failure: unknown) => outcomes.push(failure),
    );
  while (outcomes.length === 0) {
    if (sent === 5 && response === hang) pass(leftMs / 10);
    await new Promise(setImmediate);
  }
  await door.close();
  return outcomes[0];
}

test('waiting for the body of a caller does not use up the time of the vendor', async () => {
  expect(await sendSlowly({ json: {} }, 60_000)).toBe(200);
});

test('after a slow upload, a vendor that does not respond times out', async () => {
  expect(await sendSlowly(hang, 60_000)).toMatchObject({ code: 'vendor_timeout' });
});

test('a caller that needs longer than the time for uploads is at fault', async () => {
  expect(await sendSlowly({ json: {} }, leftMs)).toMatchObject({ code: 'invalid_request', reason: 'slow_body' });
});
