import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openRawConnection } from '../../test/support/raw-connection.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { addRoute, createHttpServer } from '../http/server.ts';
import { createLogger } from './logger.ts';
import { createMetrics, timeRequests, timeVendorCalls } from './metrics.ts';

/** Starts a server whose requests last as long as the test says. */
async function startServer() {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const server = createHttpServer({
    logger: createLogger('silent'),
    lifecycle: { draining: false },
    observe: (created) =>
      timeRequests(created, { listener: 'app', metrics, clock, isConnection: (name) => name === 'acme-eu' }),
  });
  const handlers: (() => Promise<number>)[] = [];
  addRoute(server, '/v1/vendors/:connection/token', {
    GET: async (_request, reply) => reply.status((await handlers.shift()?.()) ?? 200).send('text'),
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  /** Returns the samples of the histogram of requests, apart from its buckets. */
  const read = async () =>
    (await metrics.render())
      .split('\n')
      .filter((line) => /^valetkey_request(_duration_seconds_(sum|count)|s_under_way)/.test(line));
  /** Sends a request that lasts as long, and resolves when the server has counted it. */
  const send = async (path: string, status = 200, durationMs = 0) => {
    handlers.push(async () => {
      clock.advance(durationMs);
      return status;
    });
    const closed = new Promise((resolve) =>
      server.server.once('request', (_, response) => response.once('close', resolve)),
    );
    const response = await fetch(url + path, { headers: { connection: 'close' } });
    await response.arrayBuffer();
    await closed;
    handlers.length = 0;
  };
  return { clock, metrics, server, url, handlers, read, send, [Symbol.asyncDispose]: () => server.close() };
}

test('the times of requests are counted by route, connection and outcome', async () => {
  await using server = await startServer();
  await server.send('/v1/vendors/acme-eu/token', 200, 20);
  await server.send('/v1/vendors/acme-eu/token', 200, 40);
  await server.send('/v1/vendors/acme-eu/token', 403, 1_000);
  await server.send('/v1/vendors/acme-eu/token', 503, 2_000);
  const prefix = 'valetkey_request_duration_seconds';
  const labels = 'route="/v1/vendors/{connection}/token",connection="acme-eu"';
  expect(await server.read()).toEqual([
    `${prefix}_sum{${labels},outcome="succeeded"} 0.06`,
    `${prefix}_count{${labels},outcome="succeeded"} 2`,
    `${prefix}_sum{${labels},outcome="refused"} 1`,
    `${prefix}_count{${labels},outcome="refused"} 1`,
    `${prefix}_sum{${labels},outcome="failed"} 2`,
    `${prefix}_count{${labels},outcome="failed"} 1`,
    'valetkey_requests_under_way{listener="app"} 0',
    'valetkey_requests_under_way{listener="admin"} 0',
  ]);
});

test('requests to unknown connections and paths add no labels, whatever their names are', async () => {
  await using server = await startServer();
  for (let count = 0; count < 20; count += 1) {
    await server.send(`/v1/vendors/canary-${count}/token`);
    await server.send(`/canary-${count}`);
  }
  await server.send('/v1/vendors/__proto__/token', 405);
  const lines = await server.read();
  expect(lines.join()).not.toMatch(/canary|proto/);
  expect(lines.filter((line) => line.includes('_count'))).toEqual([
    'valetkey_request_duration_seconds_count{route="none",connection="",outcome="refused"} 20',
    'valetkey_request_duration_seconds_count{route="/v1/vendors/{connection}/token",connection="unknown",outcome="succeeded"} 20',
    'valetkey_request_duration_seconds_count{route="/v1/vendors/{connection}/token",connection="unknown",outcome="refused"} 1',
  ]);
});

test('a request whose caller disconnects is under way until then, and counts as aborted', async () => {
  await using server = await startServer();
  const { promise: response, resolve: respond } = Promise.withResolvers<number>();
  const begun = new Promise<void>((resolve) => {
    server.handlers.push(() => {
      resolve();
      return response;
    });
  });
  const closed = new Promise((resolve) =>
    server.server.server.once('request', (_, sent) => sent.once('close', resolve)),
  );
  const connection = openRawConnection(server.url);
  await connection.write('GET /v1/vendors/acme-eu/token HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await begun;
  expect(await server.read()).toContain('valetkey_requests_under_way{listener="app"} 1');
  server.clock.advance(3_000);
  connection.destroy();
  await closed;
  respond(200);
  const labels = 'route="/v1/vendors/{connection}/token",connection="acme-eu",outcome="aborted"';
  expect(await server.read()).toEqual([
    `valetkey_request_duration_seconds_sum{${labels}} 3`,
    `valetkey_request_duration_seconds_count{${labels}} 1`,
    'valetkey_requests_under_way{listener="app"} 0',
    'valetkey_requests_under_way{listener="admin"} 0',
  ]);
});

test('the buckets of a histogram are cumulative, and a time equal to a bound is in its bucket', async () => {
  const metrics = createMetrics();
  const times = metrics.timesOfRequests({ route: '/x', connection: '' });
  for (const seconds of [0, 0.001, 0.0011, 0.3, 30, 31]) times.add('succeeded', seconds);
  const lines = (await metrics.render()).split('\n').filter((line) => line.includes('request_duration_seconds_bucket'));
  const counts = lines.map((line) => /le="(.*?)"} (\d+)/.exec(line)?.slice(1).join(': '));
  expect(counts).toEqual([
    '0.001: 2',
    '0.0025: 3',
    '0.005: 3',
    '0.01: 3',
    '0.025: 3',
    '0.05: 3',
    '0.1: 3',
    '0.25: 3',
    '0.5: 4',
    '1: 4',
    '2.5: 4',
    '5: 4',
    '10: 4',
    '30: 5',
    '+Inf: 6',
  ]);
});

test('the times of calls to a vendor are counted by connection and outcome', async () => {
  const metrics = createMetrics();
  const clock = createVirtualClock();
  const onCall = timeVendorCalls({ connection: 'acme-eu', vendor: 'acme' }, { metrics, clock });
  for (const end of [
    { status: 201 },
    { status: 404 },
    { status: 503 },
    { error: 'vendor_unavailable' },
    { error: 'vendor_timeout' },
    { error: 'aborted' },
  ] as const) {
    const call = onCall();
    clock.advance(500);
    call.end(end);
  }
  const counts = (await metrics.render()).matchAll(
    /^valetkey_vendor_call_duration_seconds_(?:sum|count){(.*)} (.*)$/gm,
  );
  const labels = 'connection="acme-eu",vendor="acme"';
  expect([...counts].map(([, found, value]) => `${found} ${value}`)).toEqual([
    `${labels},outcome="succeeded" 0.5`,
    `${labels},outcome="succeeded" 1`,
    `${labels},outcome="refused" 0.5`,
    `${labels},outcome="refused" 1`,
    `${labels},outcome="failed" 1`,
    `${labels},outcome="failed" 2`,
    `${labels},outcome="aborted" 0.5`,
    `${labels},outcome="aborted" 1`,
    `${labels},outcome="timeout" 0.5`,
    `${labels},outcome="timeout" 1`,
  ]);
});
