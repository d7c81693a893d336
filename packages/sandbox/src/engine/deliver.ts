import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '@valetkey/core-types';
import type { FastifyReply } from 'fastify';
import { jsonResponse, type SimulatedResponse } from './responses.ts';
import type { ActiveFault } from './faults.ts';
import type { Sleep } from './sleep.ts';

export interface Delivery {
  readonly reply: FastifyReply;
  readonly fault: ActiveFault | undefined;
  /** Processes the call and returns the response. */
  readonly respond: () => Promise<SimulatedResponse>;
  /** Processes the call for a different user and returns the response. */
  readonly respondAboutOtherUser: () => Promise<SimulatedResponse>;
  /** Returns the error response of the service with this status at the called route. */
  readonly failure: (status: number) => SimulatedResponse;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Aborts when the TCP connection closes. When the sandbox closes, it closes every TCP connection. */
  readonly signal: AbortSignal;
}

/** Sends the response to a call, changed as the fault says. */
export async function deliver(delivery: Delivery): Promise<void> {
  const { reply, fault, failure } = delivery;
  if (fault === undefined) return send(reply, await delivery.respond());
  if ('when' in fault && fault.when === 'after') await delivery.respond();

  switch (fault.type) {
    case 'hang':
      reply.hijack();
      return;
    case 'reset':
      if (fault.when === 'mid-body')
        return sendHalf(reply, await delivery.respond(), (socket) => socket.resetAndDestroy());
      reply.hijack();
      reply.raw.socket?.resetAndDestroy();
      return;
    case 'truncated':
      return sendHalf(reply, await delivery.respond(), (socket) => socket.end());
    case 'status':
      return send(
        reply,
        withHeaders(
          fault.body === undefined ? failure(fault.status) : jsonResponse(fault.status, fault.body),
          retryAfterHeader(fault.retryAfter, delivery.clock),
        ),
      );
    case 'rate-limit':
      return send(reply, withHeaders(failure(429), retryAfterHeader(fault.retryAfter, delivery.clock)));
    case 'redirect':
      return send(reply, { status: fault.status, headers: { location: fault.location } });
    case 'drip':
      return drip(delivery, await delivery.respond(), fault);
    case 'malformed':
      return send(reply, corrupt(await delivery.respond()));
    case 'huge':
      return sendHuge(reply, await delivery.respond(), fault);
    case 'wrong-content-type':
      return send(reply, withHeaders(await delivery.respond(), { 'content-type': fault.contentType }));
    case 'empty':
      return send(reply, { ...(await delivery.respond()), body: '' });
    case 'extra-response':
      return sendTwo(reply, await delivery.respond(), await delivery.respondAboutOtherUser());
    case 'wrong-user':
      return send(reply, await delivery.respondAboutOtherUser());
    default:
      return send(reply, await delivery.respond());
  }
}

function send(reply: FastifyReply, response: SimulatedResponse): void {
  void reply
    .code(response.status)
    .headers(response.headers ?? {})
    .send(response.body ?? '');
}

function withHeaders(response: SimulatedResponse, headers: Readonly<Record<string, string>>): SimulatedResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}

function retryAfterHeader(
  retryAfter: Extract<ActiveFault, { type: 'status' }>['retryAfter'],
  clock: Clock,
): Readonly<Record<string, string>> {
  switch (retryAfter?.form) {
    case 'seconds':
      return { 'retry-after': String(retryAfter.seconds) };
    case 'date':
      return { 'retry-after': new Date(clock.nowMs() + retryAfter.seconds * 1000).toUTCString() };
    case 'garbage':
      return { 'retry-after': retryAfter.text };
    default:
      return {};
  }
}

function corrupt(response: SimulatedResponse): SimulatedResponse {
  return { ...response, body: `${(response.body ?? '').replace(/[}\]]\s*$/, '')},,` };
}

type Socket = NonNullable<FastifyReply['raw']['socket']>;

/** Takes the socket over from fastify and writes the head of a response, with the length of its whole body. */
function writeHead(reply: FastifyReply, response: SimulatedResponse, body: Buffer): FastifyReply['raw'] {
  reply.hijack();
  reply.raw.writeHead(response.status, { ...response.headers, 'content-length': body.length });
  reply.raw.flushHeaders();
  return reply.raw;
}

/** Sends the `Content-Length` of the whole body and half of the body. `cut` then closes the socket. */
function sendHalf(reply: FastifyReply, response: SimulatedResponse, cut: (socket: Socket) => void): void {
  const body = Buffer.from(response.body ?? ' '.repeat(2));
  const raw = writeHead(reply, response, body);
  raw.write(body.subarray(0, body.length >> 1), () => {
    if (raw.socket !== null) cut(raw.socket);
  });
}

async function drip(
  { reply, sleep, signal }: Delivery,
  response: SimulatedResponse,
  { intervalMs, chunkBytes }: Extract<ActiveFault, { type: 'drip' }>,
): Promise<void> {
  const body = Buffer.from(response.body ?? '');
  const raw = writeHead(reply, response, body);
  for (let start = 0; start < body.length && !signal.aborted; start += chunkBytes) {
    raw.write(body.subarray(start, start + chunkBytes));
    await sleep(intervalMs, signal);
  }
  raw.end();
}

/** Pads the body with spaces, which JSON allows at its end. The body is streamed, so that it needs little memory here. */
async function sendHuge(
  reply: FastifyReply,
  response: SimulatedResponse,
  { bytes, gzip }: Extract<ActiveFault, { type: 'huge' }>,
): Promise<void> {
  reply.hijack();
  const length = gzip ? { 'content-encoding': 'gzip' } : { 'content-length': String(bytes) };
  reply.raw.writeHead(response.status, { ...response.headers, ...length });
  const padded = Readable.from(pad(Buffer.from(response.body ?? '{}').subarray(0, bytes), bytes));
  const sent = gzip ? pipeline(padded, createGzip(), reply.raw) : pipeline(padded, reply.raw);
  // The caller may close the socket before the end.
  await sent.catch(() => undefined);
}

function* pad(start: Buffer, bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, ' ');
  yield start;
  for (let left = bytes - start.length; left > 0; left -= chunk.length) {
    yield left < chunk.length ? chunk.subarray(0, left) : chunk;
  }
}

/** Sends both responses in one piece, so that the second arrives before the caller can reuse or close its socket. */
function sendTwo(reply: FastifyReply, response: SimulatedResponse, extra: SimulatedResponse): void {
  const { socket } = reply.raw;
  const body = Buffer.from(response.body ?? '');
  socket?.cork();
  writeHead(reply, response, body).end(body);
  const extraBody = Buffer.from(extra.body ?? '');
  socket?.write(
    `HTTP/1.1 ${extra.status} Extra\r\ncontent-type: application/json\r\ncontent-length: ${extraBody.length}\r\n\r\n`,
  );
  socket?.write(extraBody);
  socket?.uncork();
}
