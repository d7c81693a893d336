import type { AddressInfo } from 'node:net';
import { problemSchema, type ValetKeyError } from '@valetkey/core-types';
import { afterEach, expect, test, vi } from 'vitest';
import { openRawConnection, sendBytes } from '../../test/support/raw-connection.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createHttpServer } from './server.ts';

afterEach(() => void vi.useRealTimers());

/** Starts a server. `counted` lists the errors that it counts, `lines` its log. */
async function startServer() {
  const lines: Record<string, unknown>[] = [];
  const counted: ValetKeyError[] = [];
  const server = createHttpServer({
    logger: createLogger('debug', {
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    lifecycle: { draining: false },
    countError: (error) => counted.push(error),
  });
  const { promise: uploading, resolve: begin } = Promise.withResolvers<void>();
  server.post('/upload', { onRequest: async () => begin() }, async ({ body }) => body);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    counted,
    lines,
    server,
    /** Resolves when the head of an upload has arrived. */
    uploading,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

test.each([
  ['bytes that are not HTTP', 'GARBAGE\r\n\r\n', 'The request is not valid HTTP.', 'HPE_INVALID_METHOD'],
  [
    'header fields of 20 kB',
    `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    'The header fields are too large.',
    'HPE_HEADER_OVERFLOW',
  ],
])('the server responds 400 to %s, and the header, the body and the log have one request id', async (...row) => {
  const [, bytes, detail, reason] = row;
  await using server = await startServer();
  const { text, statuses, closed } = await sendBytes(server.url, [bytes]);
  expect({ statuses, closed }).toEqual({ statuses: [400], closed: true });
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const problem = problemSchema.parse(JSON.parse(body));
  expect(problem).toMatchObject({ code: 'invalid_request', detail });
  const lines = head.toLowerCase().split('\r\n');
  expect(lines).toEqual(expect.arrayContaining([`x-request-id: ${problem.request_id}`, 'valet-key: broker']));
  expect(server.lines.filter(({ msg }) => msg === 'refused')).toMatchObject([
    { requestId: problem.request_id, code: 'invalid_request', reason },
  ]);
  expect(server.counted).toMatchObject([{ code: 'invalid_request', reason }]);
});

test('a closing server reads an upload that makes progress to its end, however long it takes', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  await using started = await startServer();
  const { server, url, uploading } = started;
  const connection = openRawConnection(url);
  await connection.write(
    'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a"',
  );
  await uploading;
  const closed = server.close();
  // Until the server refuses new TCP connections, its timer that closes sockets may not run yet.
  while (server.server.listening) await new Promise(setImmediate);
  vi.advanceTimersByTime(14_000);
  await connection.write(':1}');
  const { text } = await connection.read((arrived) => arrived.includes('{"a":1}'));
  expect(text).toMatch(/^HTTP\/1\.1 200 [^]*\{"a":1\}$/);
  vi.advanceTimersByTime(1_000);
  await closed;
});
