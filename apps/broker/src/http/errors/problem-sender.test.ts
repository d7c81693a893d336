import { ValetKeyError } from '@valetkey/core-types';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { logController } from '../server.ts';
import { createProblemSender, problemFormat, type FailureFormat } from './problem-sender.ts';

/** Creates a server whose route fails with a given error. `counted` and `logged` show the work of the problem sender. */
function createHarness(format: FailureFormat = problemFormat('https://broker.example.com/metadata')) {
  const lines: Record<string, unknown>[] = [];
  const counted: ValetKeyError[] = [];
  const server = fastify({
    logController,
    loggerInstance: createLogger('trace', {
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    genReqId: () => 'request-1',
  });
  let thrown: unknown;
  server.setErrorHandler(createProblemSender((error) => counted.push(error), format));
  server.all('/v1/vendors/:connection/token', () => {
    throw thrown;
  });
  return {
    counted,
    /** Returns the lines that the problem sender logged, without those of fastify. */
    logged: () => lines.filter(({ msg }) => msg === 'refused' || msg === 'internal error'),
    fail: (error: unknown, request: { payload?: string } = {}) => {
      thrown = error;
      return server.inject({ method: 'POST', url: '/v1/vendors/acme-eu/token', ...request });
    },
  };
}

test('the problem sender responds with `application/problem+json` without a charset, and counts the error', async () => {
  const { fail, counted } = createHarness();
  const error = new ValetKeyError('vendor_rejected', 'No.', { vendor: 'acme' });
  const response = await fail(error);
  expect(response.statusCode).toBe(502);
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.json()).toMatchObject({ code: 'vendor_rejected', request_id: 'request-1', connection: 'acme-eu' });
  expect(response.headers).not.toHaveProperty('www-authenticate');
  expect(response.headers).not.toHaveProperty('retry-after');
  expect(counted).toEqual([error]);
});

test('the problem sender adds `WWW-Authenticate` with the metadata URL to the error `invalid_token`', async () => {
  const { headers, statusCode } = await createHarness().fail(new ValetKeyError('invalid_token', 'Expired.'));
  expect(statusCode).toBe(401);
  expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
  expect(headers['www-authenticate']).toContain('resource_metadata="https://broker.example.com/metadata"');
});

test.each([
  ['rate_limited', 30, '30'],
  ['vendor_unavailable', 6.1, '7'],
  ['overloaded', 0, '1'],
  ['identity_unavailable', -5, '1'],
  ['vendor_rate_limited', undefined, '1'],
  // Only 429 and 503 have the header.
  ['vendor_timeout', 30, undefined],
  ['vendor_rejected', 30, undefined],
] as const)(
  'the problem sender sends the error `%s` with `retryAfterSeconds` %s as `Retry-After: %s`',
  async (code, seconds, expected) => {
    const { headers } = await createHarness().fail(new ValetKeyError(code, 'No.', { retryAfterSeconds: seconds }));
    expect(headers['retry-after']).toBe(expected);
  },
);

test('the problem sender closes the TCP connection after a body that is too large, and not after another error', async () => {
  const { fail } = createHarness();
  const large = await fail(Object.assign(new Error('canary'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' }));
  expect([large.statusCode, large.headers['connection']]).toEqual([413, 'close']);
  const refused = await fail(new ValetKeyError('forbidden', 'No.'));
  expect(refused.headers['connection']).not.toBe('close');
});

test('the problem sender hides the text of a foreign error from the caller and the log', async () => {
  const { fail, logged, counted } = createHarness();
  const response = await fail(Object.assign(new TypeError('canary-secret'), { code: 'ERR_LIBRARY', detail: 'canary' }));
  expect(response.statusCode).toBe(500);
  expect(response.json()).toMatchObject({ code: 'internal', detail: 'The broker failed.' });
  expect(response.body + JSON.stringify(logged())).not.toContain('canary');
  expect(logged()).toMatchObject([
    { level: 50, requestId: 'request-1', error: { name: 'TypeError', code: 'ERR_LIBRARY' }, msg: 'internal error' },
  ]);
  expect(counted).toMatchObject([{ code: 'internal' }]);
});

test.each([
  ['vendor_rejected', 40],
  ['invalid_token', 30],
  ['user_blocked', 30],
  ['vendor_unavailable', 20],
  ['forbidden', 20],
] as const)('the problem sender logs `%s` at level %d with reason and advice', async (code, level) => {
  const { fail, logged } = createHarness();
  await fail(new ValetKeyError(code, 'No.', { vendor: 'acme', reason: 'status_418', advice: 'Check this.' }));
  expect(logged()).toMatchObject([
    {
      level,
      requestId: 'request-1',
      code,
      vendor: 'acme',
      connection: 'acme-eu',
      reason: 'status_418',
      advice: 'Check this.',
    },
  ]);
});

test('the problem sender uses the status, encoding and media type of its format', async () => {
  const format: FailureFormat = {
    contentType: 'application/json',
    statusOf: () => 418,
    encode: ({ code }, { requestId, connection }) => ({ own: [code, requestId, connection] }),
    challengeOf: () => 'Teapot',
  };
  const response = await createHarness(format).fail(new ValetKeyError('forbidden', 'No.'));
  expect([response.statusCode, response.headers['content-type']]).toEqual([418, 'application/json']);
  expect(response.headers['www-authenticate']).toBe('Teapot');
  expect(response.json()).toEqual({ own: ['forbidden', 'request-1', 'acme-eu'] });
});
