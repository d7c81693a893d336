import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openRawConnection } from '../../test/support/raw-connection.ts';
import { createLogger } from '../telemetry/logger.ts';
import { defaultBodyProgress } from './sockets.ts';
import { createHttpServer } from './server.ts';

// The windows pass when the test says so. The TCP connections are real.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const { windowMs, minBytes } = defaultBodyProgress;

/** Starts a server whose route counts the bytes of a body, after `read` is called. */
async function startServer() {
  const server = createHttpServer({ logger: createLogger('silent'), lifecycle: { draining: false } });
  const { promise: socket, resolve: arrive } = Promise.withResolvers<Socket>();
  const { promise: mayRead, resolve: read } = Promise.withResolvers<void>();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  server.post('/', async ({ raw }) => {
    arrive(raw.socket);
    await mayRead;
    let length = 0;
    for await (const chunk of raw) length += (chunk as Buffer).length;
    return { length };
  });
  server.post('/unread', async ({ raw }) => {
    arrive(raw.socket);
    return {};
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const connection = openRawConnection(`http://127.0.0.1:${(server.server.address() as AddressInfo).port}`);
  return {
    connection,
    read,
    socket,
    /** Sends the next bytes, and waits until the server has received them. */
    send: async (bytes: string) => {
      const before = (await socket).bytesRead;
      await connection.write(bytes);
      while ((await socket).bytesRead < before + bytes.length) await new Promise(setImmediate);
    },
    [Symbol.asyncDispose]: async () => {
      vi.useRealTimers();
      connection.destroy();
      await server.close();
    },
  };
}

const head = (length: number) =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;

test.each([
  ['stops', 0],
  ['is slower than the least progress', minBytes - 1],
])('a body that %s is refused after a window, and its TCP connection closed', async (_name, progress) => {
  await using server = await startServer();
  server.read();
  await server.connection.write(head(1_000_000));
  await server.socket;
  vi.advanceTimersByTime(windowMs);
  await server.send('x'.repeat(minBytes));
  vi.advanceTimersByTime(windowMs);
  await server.send('x'.repeat(progress));
  vi.advanceTimersByTime(windowMs);
  const { statuses, text, closed } = await server.connection.read();
  expect({ statuses, closed }).toEqual({ statuses: [400], closed: true });
  expect(text).toContain('The request did not arrive in time.');
});

test('a body that makes progress is read whole, although it takes ten minutes', async () => {
  await using server = await startServer();
  server.read();
  const windows = 600_000 / windowMs;
  await server.connection.write(head(windows * minBytes));
  for (let count = 0; count < windows; count += 1) {
    await server.send('x'.repeat(minBytes));
    if (count + 1 < windows) vi.advanceTimersByTime(windowMs);
  }
  const { statuses, text } = await server.connection.read();
  expect(statuses).toEqual([200]);
  expect(text).toContain(`{"length":${windows * minBytes}}`);
});

test('a body that the broker does not read yet is not refused as slow', async () => {
  await using server = await startServer();
  const sending = server.connection.write(head(3_000_000) + 'x'.repeat(3_000_000));
  await server.socket;
  while ((await server.socket).bytesRead < minBytes) await new Promise(setImmediate);
  vi.advanceTimersByTime(10 * windowMs);
  server.read();
  expect((await server.connection.read()).statuses).toEqual([200]);
  await sending;
});

test('a body that is slow after the response to its request ends the TCP connection after a window', async () => {
  await using server = await startServer();
  await server.connection.write(
    'POST /unread HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 16000\r\n\r\n',
  );
  await server.connection.read((text) => text.endsWith('{}'));
  await server.send('x');
  vi.advanceTimersByTime(windowMs);
  const { statuses, closed } = await server.connection.read();
  expect({ statuses, closed }).toEqual({ statuses: [200], closed: true });
});

test('a body that arrives after the response to its request leaves the TCP connection to the next request', async () => {
  await using server = await startServer();
  const request = 'POST /unread HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 16000\r\n\r\n';
  await server.connection.write(request);
  await server.connection.read((text) => text.endsWith('{}'));
  await server.send('x'.repeat(16_000));
  vi.advanceTimersByTime(windowMs);
  await server.connection.write(request);
  expect((await server.connection.read((text) => text.split('{}').length > 2)).statuses).toEqual([200, 200]);
});
