import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Dispatcher } from 'undici';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { startVendorServer, type PlannedResponse } from '../../testing/vendor-server.ts';
import { openDoor } from './door.ts';
import { maxUnwantedMs, tryReadJson } from './response.ts';

const vendor = { id: 'vital', title: 'Vital' };
const call = { method: 'GET', path: '/x' };

afterEach(() => {
  vi.useRealTimers();
});

/** Sends two calls, of which the first receives an unwanted response, and returns how many sockets they used. */
async function socketsFor(refused: PlannedResponse): Promise<number> {
  await using server = await startVendorServer(refused, { text: 'ok' });
  // However slow the machine is, the body arrives in time.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 60_000 });
  await expect(door.begin().send(call)).rejects.toMatchObject({ code: 'vendor_unavailable', reason: 'status_500' });
  await new Promise(setImmediate);
  expect((await door.begin().send(call)).body.toString()).toBe('ok');
  await door.close();
  return server.sockets();
}

test('the socket of an unwanted response is used again, unless the body of the response is long', async () => {
  expect(await socketsFor({ status: 500, text: 'x'.repeat(1_000) })).toBe(1);
  expect(await socketsFor({ status: 500, text: 'x'.repeat(100_000) })).toBe(2);
});

test('an informational response is skipped', async () => {
  const server = createServer((_request, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' }, () => response.end('ok'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const door = openDoor({ vendor, baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 60_000 });
  expect(await door.begin().send(call)).toMatchObject({ status: 200, body: Buffer.from('ok') });
  await door.close();
  server.close();
});

/** A network on which nothing happens unless the test calls the handler. */
class SilentDispatcher extends Dispatcher {
  handler: Dispatcher.DispatchHandler = {};
  readonly aborted: Error[] = [];
  readonly controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    rawHeaders: [],
    rawTrailers: [],
    pause: () => undefined,
    resume: () => undefined,
    abort: (reason) => {
      this.aborted.push(reason);
      this.handler.onResponseError?.(this.controller, reason);
    },
  };
  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.handler = handler;
    return true;
  }
}

test('an unwanted response whose body does not arrive is aborted after maxUnwantedMs', async () => {
  vi.useFakeTimers();
  const dispatcher = new SilentDispatcher();
  const door = openDoor({ vendor, baseUrl: 'https://api.example', timeoutMs: 60_000 }, { dispatcher });
  const refused = door
    .begin()
    .send(call)
    .then(undefined, (failure: unknown) => failure);
  const { handler, controller, aborted } = dispatcher;
  handler.onRequestStart?.(controller, undefined);
  handler.onResponseStart?.(controller, 503, {});
  expect(await refused).toMatchObject({ reason: 'status_503' });
  vi.advanceTimersByTime(maxUnwantedMs - 1);
  expect(aborted).toHaveLength(0);
  vi.advanceTimersByTime(1);
  expect(aborted).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('a call that timed out before it had a socket is aborted when it receives one', async () => {
  vi.useFakeTimers();
  const dispatcher = new SilentDispatcher();
  const door = openDoor({ vendor, baseUrl: 'https://api.example', timeoutMs: 1_000 }, { dispatcher });
  const refused = door
    .begin()
    .send(call)
    .then(undefined, (failure: unknown) => failure);
  vi.advanceTimersByTime(1_000);
  expect(await refused).toMatchObject({ code: 'vendor_timeout' });
  dispatcher.handler.onRequestStart?.(dispatcher.controller, undefined);
  expect(dispatcher.aborted).toHaveLength(1);
});

const mark = '\uFEFF';
const toBytes = (text: string | Buffer): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

describe('tryReadJson', () => {
  test.each<[string, string | Buffer, unknown]>([
    ['JSON without a byte order mark', '{"a":"ü"}', { a: 'ü' }],
    ['JSON after a byte order mark', `${mark}{"a":1}`, { a: 1 }],
    ['JSON between white space, after a byte order mark', `${mark}\r\n {"a":1}\n`, { a: 1 }],
    ['the last of two members with one name', '{"a":1,"a":2}', { a: 2 }],
    ['a byte order mark inside a text', `{"a":"${mark}b"}`, { a: `${mark}b` }],
    ['the bytes of a view into a larger buffer', Buffer.from(`xx${mark}{"a":1}xx`).subarray(2, -2), { a: 1 }],
  ])('reads %s', (_spelling, text, value) => {
    expect(tryReadJson({ body: toBytes(text) }, z.unknown())).toEqual({ success: true, data: value });
  });

  test.each<[string, string | Buffer]>([
    ['an empty text', ''],
    ['a byte order mark alone', mark],
    ['two byte order marks', `${mark}${mark}{"a":1}`],
    ['a byte order mark after white space', ` ${mark}{"a":1}`],
    ['JSON in UTF-16, little-endian', Buffer.from(`${mark}{"a":1}`, 'utf16le')],
    ['JSON in UTF-16, big-endian', Buffer.from(`${mark}{"a":1}`, 'utf16le').swap16()],
    ['a NUL after the JSON', '{"a":1}\0'],
    ['HTML', `${mark}<html></html>`],
  ])('does not read %s', (_spelling, text) => {
    expect(tryReadJson({ body: toBytes(text) }, z.unknown())).toEqual({ success: false, reason: 'not_json' });
  });
});
