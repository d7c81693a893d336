import { problemSchema } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { readProblemCodes, useAttackedBroker } from '../support/attacked-broker.ts';
import { generateHostileJson } from '../support/hostile-json.ts';
import { openRawConnection, sendBytes } from '../support/raw-connection.ts';

const attacked = useAttackedBroker();
/** The head of an issue request of alice with a JSON body, without its last lines. */
const head = () =>
  `POST /v1/vendors/nudge/token HTTP/1.1\r\n${attacked.aliceHeaders}Content-Type: application/json\r\n`;

test('responds 413 to a chunked body of ten megabytes before half of it was sent, and closes the TCP connection', async () => {
  let sentBytes = 0;
  const chunk = 'x'.repeat(16_384);
  async function* sendChunks() {
    yield `${head()}Transfer-Encoding: chunked\r\n\r\n`;
    for (let count = 0; count < 640; count += 1) {
      sentBytes += chunk.length;
      yield `4000\r\n${chunk}\r\n`;
      // The broker runs in this process too, and reads the chunk now.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const response = await sendBytes(attacked.broker.brokerUrl, sendChunks());
  expect(response).toMatchObject({ statuses: [413], closed: true });
  expect(readProblemCodes(response)).toEqual(['payload_too_large']);
  expect(sentBytes).toBeLessThan(5_000_000);
});

test('responds 413 to a Content-Length of ten megabytes before the body is sent, and closes the TCP connection', async () => {
  const response = await attacked.send(`${head()}Content-Length: 10000000\r\n\r\n`);
  expect(response).toMatchObject({ statuses: [413], closed: true });
});

test.each(['gzip', 'br', 'deflate', 'gzip, identity', 'x'])(
  'responds unsupported_media_type to a body with the content encoding "%s"',
  async (encoding) => {
    const fields = `Content-Encoding: ${encoding}\r\nContent-Length: 2\r\nConnection: close\r\n`;
    expect(readProblemCodes(await attacked.send(`${head()}${fields}\r\n{}`))).toEqual(['unsupported_media_type']);
  },
);

test('serves another call while 50 callers have stopped in the middle of their bodies', async () => {
  const { broker, alice } = attacked;
  let requests = 0;
  const countRequest = () => (requests += 1);
  broker.broker.app.server.on('request', countRequest);
  const connections = Array.from({ length: 50 }, () => openRawConnection(broker.brokerUrl));
  for (const connection of connections) void connection.write(`${head()}Content-Length: 50\r\n\r\n{"expiry`);
  await expect.poll(() => requests, { interval: 5, timeout: 10_000 }).toBe(50);
  broker.broker.app.server.off('request', countRequest);
  expect((await broker.issue('nudge', alice)).status).toBe(200);
  const responses = await Promise.all(connections.map((connection) => connection.read(() => true)));
  expect(responses.flatMap(({ statuses }) => statuses)).toEqual([]);
  for (const connection of connections) connection.destroy();
});

test('responds 200 or invalid_request to hostile JSON, and changes no prototype', async () => {
  const { broker, alice } = attacked;
  const statuses = new Set<number>();
  for (const body of generateHostileJson(1)) {
    const response = await broker.issue('nudge', alice, { headers: { 'content-type': 'application/json' }, body });
    const text = await response.text();
    statuses.add(response.status);
    expect(response.status === 200 || problemSchema.parse(JSON.parse(text)).code === 'invalid_request').toBe(true);
  }
  expect([...statuses].toSorted()).toEqual([200, 400]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
