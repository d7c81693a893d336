import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startVendorServer, type PlannedAnswer } from '../testing/vendor-server.ts';
import { openDoor, type Door, type StreamAnswer, type StreamCall } from './door.ts';
import { maxConnections } from './pool.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };
const call: StreamCall = { method: 'GET', path: '/x', maxResponseBytes: 1_000 };
const openTo = (baseUrl: string, timeoutMs = 2_000): Door => openDoor({ vendor, baseUrl, timeoutMs });
const begun: PlannedAnswer = (response) => response.writeHead(200).write('first');

test('a body has what is left of the time of its call', async () => {
  await using server = await startVendorServer(begun);
  const { body } = await openTo(server.url, 200).begin().stream(call);
  const startedAt = performance.now();
  await expect(buffer(body)).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(performance.now() - startedAt).toBeLessThan(400);
});

test('a body may be given a time of its own, longer or shorter', async () => {
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('first');
    setTimeout(() => response.end(' last'), 400);
  });
  const { begin } = openTo(server.url, 200);
  const longer = await begin().stream(call);
  longer.extend(60_000);
  expect((await buffer(longer.body)).toString()).toBe('first last');
  const shorter = await begin().stream(call);
  shorter.extend(50);
  await expect(buffer(shorter.body)).rejects.toMatchObject({ code: 'vendor_timeout' });
});

test.each<[string, PlannedAnswer]>([
  ['by its length', { headers: { 'content-length': '1001' }, text: 'x'.repeat(1_001) }],
  [
    'as it comes',
    (response) => {
      response.writeHead(200).write('x'.repeat(600));
      response.end('x'.repeat(401));
    },
  ],
])('a body that is too long %s is an invalid answer', async (_name, answer) => {
  await using server = await startVendorServer(answer);
  const reading = openTo(server.url).begin().stream(call);
  await expect(reading.then(({ body }) => buffer(body))).rejects.toMatchObject({ reason: 'body_too_long' });
});

test('too long by its length, it is not begun', async () => {
  await using server = await startVendorServer({ text: 'x'.repeat(1_001), headers: { 'content-length': '1001' } });
  await expect(openTo(server.url).begin().stream(call)).rejects.toMatchObject({ reason: 'body_too_long' });
});

test.each([
  ['HEAD', 200],
  ['GET', 304],
])('the length of a body that does not come (%s, %i) is no reason to refuse it', async (method, status) => {
  await using server = await startVendorServer((response) => {
    response.writeHead(status, { 'content-length': '5000' }).end();
  });
  const answer = await openTo(server.url)
    .begin()
    .stream({ ...call, method });
  expect(answer.headers['content-length']).toBe('5000');
  expect(await buffer(answer.body)).toHaveLength(0);
});

test('a body that is left while it is silent takes its connection along', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('first');
    response.once('close', () => closed.resolve());
  });
  const { body, extend } = await openTo(server.url).begin().stream(call);
  extend(60_000);
  const chunks = body[Symbol.asyncIterator]();
  await chunks.next();
  const pending = chunks.next().then(undefined, () => undefined);
  await chunks.return?.();
  await expect(closed.promise).resolves.toBeUndefined();
  await pending;
});

const endings: readonly [string, PlannedAnswer, (answer: StreamAnswer) => unknown][] = [
  ['is read', { text: 'all' }, ({ body }) => buffer(body)],
  ['is dropped', { text: 'all' }, ({ discard }) => discard()],
  ['is left before it is begun', { text: 'all' }, ({ body }) => body[Symbol.asyncIterator]().return?.()],
  [
    'is left midway',
    begun,
    async ({ body }) => {
      for await (const chunk of body) if (chunk.length > 0) break;
    },
  ],
  [
    'fails',
    (response) => void response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy()),
    ({ body }) => buffer(body),
  ],
  ['is too long', { text: 'x'.repeat(2_000) }, ({ body }) => buffer(body)],
  ['is nothing that we take', { status: 500, text: 'x'.repeat(2_000) }, ({ body }) => buffer(body)],
];

test.each(endings)('a body that %s gives its connection back', async (_name, answer, end) => {
  await using server = await startVendorServer(answer);
  const door = openTo(server.url);
  // Few enough failures that the circuit stays closed, and more calls than there are connections.
  for (let count = 0; count < maxConnections + 10; count += 1) {
    if (count % 4 === 0) server.answer(answer);
    else server.answer({ text: 'all' });
    const streaming = door.begin().stream(call);
    await streaming.then(count % 4 === 0 ? end : ({ body }) => buffer(body)).catch(() => undefined);
  }
  server.answer({ text: 'all' });
  const atOnce = Array.from({ length: maxConnections }, () => door.begin().stream(call));
  expect(new Set((await Promise.all(atOnce)).map(({ status }) => status))).toEqual(new Set([200]));
});
