import type { IncomingMessage } from 'node:http';
import { wwwAuthenticate } from '@valetkey/jwt-verify';
import type { ValetKeyError } from '@valetkey/core-types';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeForeignError, toProblem, toValetKeyError } from './problem.ts';

/** How a failure is written down. */
export interface FailureFormat {
  readonly contentType: string;
  readonly statusOf: (error: ValetKeyError) => number;
  readonly encode: (error: ValetKeyError, requestId: string) => object;
  /** The value of `WWW-Authenticate`, for errors that have one. */
  readonly challengeOf: (error: ValetKeyError) => string | undefined;
}

/** `application/problem+json` (RFC 9457). `resourceMetadata` is where a caller learns how to get a token (RFC 9728). */
export function problemFormat(resourceMetadata?: string): FailureFormat {
  return {
    contentType: 'application/problem+json',
    statusOf: ({ status }) => status,
    encode: toProblem,
    challengeOf: (error) => wwwAuthenticate(error, { resourceMetadata }),
  };
}

const maxUnreadBytes = 16_384;

function logProblem(thrown: unknown, error: ValetKeyError, { id: requestId, log }: FastifyRequest): void {
  if (error.code === 'internal') {
    log.error({ requestId, error: describeForeignError(thrown) }, 'internal error');
    return;
  }
  const { code, vendor, reason, advice } = error;
  log[levelOf(error)]({ requestId, code, vendor, reason, advice }, 'refused');
}

/** What an operator has to see without asking: what a vendor has against us, and callers who cannot get in. */
function levelOf({ code, status }: ValetKeyError): 'warn' | 'info' | 'debug' {
  if (status === 502) return 'warn';
  return status === 401 || code === 'user_blocked' ? 'info' : 'debug';
}

/** Whether more is to come of a body than is worth reading: nobody will, and it must not be taken for the next request. */
function isLongBodyUnderWay({ complete, headers }: IncomingMessage): boolean {
  const isLong = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > maxUnreadBytes;
  return !complete && isLong;
}

/** Makes the one way in which a failure is answered: told to whoever counts, logged as far as it matters, then sent. */
export const createProblemSender =
  (onProblem: (error: ValetKeyError) => void, { contentType, statusOf, encode, challengeOf }: FailureFormat) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = toValetKeyError(thrown);
    onProblem(error);
    logProblem(thrown, error, request);
    const challenge = challengeOf(error);
    if (challenge !== undefined) reply.header('www-authenticate', challenge);
    if (error.status === 429 || error.status === 503) {
      reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1))));
    }
    if (error.status === 413 || isLongBodyUnderWay(request.raw)) reply.header('connection', 'close');
    reply
      .status(statusOf(error))
      .type(contentType)
      // As bytes, for fastify adds a charset to text, and these types have none.
      .send(Buffer.from(JSON.stringify(encode(error, request.id))));
  };
