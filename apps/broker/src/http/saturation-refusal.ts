import type { IncomingMessage, ServerResponse } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';
import type { Lifecycle } from '../telemetry/readiness.ts';
import { crossOriginHeaders, markHeader, originPatterns } from './cross-origin.ts';
import { hasLongUnreadBody } from './errors/problem-sender.ts';
import { toProblem } from './errors/problem.ts';
import { createRequestId } from './request-id.ts';

/** One object for all refused requests: to create an error takes longer than to send it. */
const saturatedError = new ValetKeyError('overloaded', 'More requests arrive than the broker can serve.', {
  reason: 'saturated',
  retryAfterSeconds: 1,
  remediation: 'Call again later; the operator can start more brokers.',
});

interface SaturationRefusalOptions {
  /** The exact origins of web pages that may call this listener. */
  readonly origins: readonly string[];
  readonly lifecycle: Lifecycle;
  readonly countError: (error: ValetKeyError) => void;
}

/** Creates the function that refuses a request of a saturated broker, with the same headers as every other problem. */
export function createSaturationRefusal({ origins, lifecycle, countError }: SaturationRefusalOptions) {
  const patterns = originPatterns(origins);
  return (request: IncomingMessage, response: ServerResponse): void => {
    countError(saturatedError);
    const requestId = createRequestId();
    const body = JSON.stringify(toProblem(saturatedError, { requestId }));
    const isLast = lifecycle.draining || hasLongUnreadBody(request);
    response.writeHead(saturatedError.status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
      [markHeader]: 'broker',
      'retry-after': '1',
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      ...crossOriginHeaders(patterns, request.headers.origin),
      ...(isLast && { connection: 'close' }),
    });
    response.end(body);
  };
}
