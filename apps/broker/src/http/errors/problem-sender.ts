import type { IncomingMessage } from 'node:http';
import { describeForeignError, type ValetKeyError } from '@valetkey/core-types';
import { hasProofScheme, wwwAuthenticate, type DpopSupport } from '@valetkey/jwt-verify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toProblem, toValetKeyError, type ProblemContext } from './problem.ts';

/** The format of a response that reports an error. */
export interface FailureFormat {
  readonly contentType: string;
  readonly statusOf: (error: ValetKeyError) => number;
  readonly encode: (error: ValetKeyError, context: ProblemContext) => object;
  /** Returns the value of the header `WWW-Authenticate`, or undefined if the response has none. */
  readonly challengeOf: (error: ValetKeyError, request: FastifyRequest) => string | undefined;
}

/**
 * Returns the format `application/problem+json` (RFC 9457). `resourceMetadata` is the URL of the metadata (RFC 9728), and `dpop`
 * what the routes that authenticate a caller accept of DPoP.
 */
export function problemFormat(resourceMetadata?: string, dpop?: DpopSupport): FailureFormat {
  return {
    contentType: 'application/problem+json',
    statusOf: ({ status }) => status,
    encode: toProblem,
    challengeOf: (error, { acceptsDpop, headers }) => {
      const scheme = acceptsDpop && hasProofScheme(headers.authorization) ? 'DPoP' : 'Bearer';
      return wwwAuthenticate(error, { resourceMetadata, ...(acceptsDpop && dpop && { dpop, scheme }) });
    },
  };
}

/** A longer body is not read after its request was refused. */
const maxUnreadBytes = 16_384;

/** Returns the connection name in the path of a request. The name is not checked, and may be any text. */
function connectionOf({ params }: FastifyRequest): string | undefined {
  return (params as { connection?: string } | undefined)?.connection;
}

function logProblem(thrown: unknown, error: ValetKeyError, request: FastifyRequest): void {
  const { log } = request;
  if (error.code === 'internal') {
    log.error({ error: describeForeignError(thrown) }, 'internal error');
    return;
  }
  const { code, vendor, reason, advice } = error;
  log[levelOf(error)]({ code, vendor, connection: connectionOf(request), reason, advice }, 'refused');
}

/** Returns the log level. By default, the log shows calls that a vendor refuses and callers that cannot sign in. */
function levelOf({ code, status }: ValetKeyError): 'warn' | 'info' | 'debug' {
  if (status === 502) return 'warn';
  return status === 401 || code === 'user_blocked' ? 'info' : 'debug';
}

/** Returns whether the body is too long to read. Its unread rest would be parsed as the next request on this socket. */
export function hasLongUnreadBody({ complete, headers }: IncomingMessage): boolean {
  const isLong = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > maxUnreadBytes;
  return !complete && isLong;
}

/** Creates the error handler of a listener. It counts each error, logs it, and sends it in the given format. */
export function createProblemSender(
  countError: (error: ValetKeyError) => void,
  { contentType, statusOf, encode, challengeOf }: FailureFormat,
): (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (thrown, request, reply) => {
    const error = toValetKeyError(thrown);
    countError(error);
    logProblem(thrown, error, request);
    const challenge = challengeOf(error, request);
    if (challenge !== undefined) reply.header('www-authenticate', challenge);
    if (error.status === 429 || error.status === 503) {
      reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1))));
    }
    if (error.status === 413 || hasLongUnreadBody(request.raw)) reply.header('connection', 'close');
    const body = encode(error, { requestId: request.id, connection: connectionOf(request) });
    // Sent as bytes, because fastify adds a charset to text, and these media types have none.
    reply
      .status(statusOf(error))
      .type(contentType)
      .send(Buffer.from(JSON.stringify(body)));
  };
}
