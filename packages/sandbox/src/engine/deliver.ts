import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '@valetkey/core-types';
import type { FastifyReply } from 'fastify';
import { jsonAnswer, type Answer } from './answers.ts';
import type { ActiveFault } from './faults.ts';
import type { Sleep } from './sleep.ts';

export interface Delivery {
  readonly reply: FastifyReply;
  readonly fault: ActiveFault | undefined;
  /** Processes the call. */
  readonly answer: () => Promise<Answer>;
  /** Processes the call for a different user. */
  readonly wrongAnswer: () => Promise<Answer>;
  /** Returns the response of the service with this status at this route. */
  readonly failure: (status: number) => Answer;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Aborts when the connection closes, which happens at the latest when the sandbox closes. */
  readonly signal: AbortSignal;
}

/** Sends the response to a call, spoilt by the fault if there is one. */
export async function deliver(delivery: Delivery): Promise<void> {
  const { reply, fault, failure } = delivery;
  if (fault === undefined) return send(reply, await delivery.answer());
  if ('when' in fault && fault.when === 'after') await delivery.answer();

  switch (fault.type) {
    case 'hang':
      reply.hijack();
      return;
    case 'reset':
      if (fault.when === 'mid-body')
        return sendHalf(reply, await delivery.answer(), (socket) => socket.resetAndDestroy());
      reply.hijack();
      reply.raw.socket?.resetAndDestroy();
      return;
    case 'truncated':
      return sendHalf(reply, await delivery.answer(), (socket) => socket.end());
    case 'status':
      return send(
        reply,
        withHeaders(
          fault.body === undefined ? failure(fault.status) : jsonAnswer(fault.status, fault.body),
          retryAfterHeader(fault.retryAfter, delivery.clock),
        ),
      );
    case 'rate-limit':
      return send(reply, withHeaders(failure(429), retryAfterHeader(fault.retryAfter, delivery.clock)));
    case 'redirect':
      return send(reply, { status: fault.status, headers: { location: fault.location } });
    case 'drip':
      return drip(delivery, await delivery.answer(), fault);
    case 'malformed':
      return send(reply, corrupt(await delivery.answer()));
    case 'huge':
      return sendHuge(reply, await delivery.answer(), fault);
    case 'wrong-content-type':
      return send(reply, withHeaders(await delivery.answer(), { 'content-type': fault.contentType }));
    case 'empty':
      return send(reply, { ...(await delivery.answer()), body: '' });
    case 'extra-response':
      return sendTwo(reply, await delivery.answer(), await delivery.wrongAnswer());
    case 'wrong-user':
      return send(reply, await delivery.wrongAnswer());
    default:
      return send(reply, await delivery.answer());
  }
}

function send(reply: FastifyReply, answer: Answer): void {
  void reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(answer.body ?? '');
}

function withHeaders(answer: Answer, headers: Readonly<Record<string, string>>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
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

function corrupt(answer: Answer): Answer {
  return { ...answer, body: `${(answer.body ?? '').replace(/[}\]]\s*$/, '')},,` };
}

type Socket = NonNullable<FastifyReply['raw']['socket']>;

/** Takes the connection over from fastify and writes the head of a response, with the length of its whole body. */
function writeHead(reply: FastifyReply, answer: Answer, body: Buffer): FastifyReply['raw'] {
  reply.hijack();
  reply.raw.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
  reply.raw.flushHeaders();
  return reply.raw;
}

/** Announces the whole body and sends half of it; `cut` then ends the connection. */
function sendHalf(reply: FastifyReply, answer: Answer, cut: (socket: Socket) => void): void {
  const body = Buffer.from(answer.body ?? ' '.repeat(2));
  const response = writeHead(reply, answer, body);
  response.write(body.subarray(0, body.length >> 1), () => {
    if (response.socket !== null) cut(response.socket);
  });
}

async function drip(
  { reply, sleep, signal }: Delivery,
  answer: Answer,
  { intervalMs, chunkBytes }: Extract<ActiveFault, { type: 'drip' }>,
): Promise<void> {
  const body = Buffer.from(answer.body ?? '');
  const response = writeHead(reply, answer, body);
  for (let start = 0; start < body.length && !signal.aborted; start += chunkBytes) {
    response.write(body.subarray(start, start + chunkBytes));
    await sleep(intervalMs, signal);
  }
  response.end();
}

/** Pads the body with spaces, which JSON allows at its end. The body is streamed, so that it needs little memory here. */
async function sendHuge(
  reply: FastifyReply,
  answer: Answer,
  { bytes, gzip }: Extract<ActiveFault, { type: 'huge' }>,
): Promise<void> {
  reply.hijack();
  const length = gzip ? { 'content-encoding': 'gzip' } : { 'content-length': String(bytes) };
  reply.raw.writeHead(answer.status, { ...answer.headers, ...length });
  const padded = Readable.from(pad(Buffer.from(answer.body ?? '{}').subarray(0, bytes), bytes));
  const sent = gzip ? pipeline(padded, createGzip(), reply.raw) : pipeline(padded, reply.raw);
  // A caller may close the connection before the end.
  await sent.catch(() => undefined);
}

function* pad(start: Buffer, bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, ' ');
  yield start;
  for (let left = bytes - start.length; left > 0; left -= chunk.length) {
    yield left < chunk.length ? chunk.subarray(0, left) : chunk;
  }
}

/** Sends both responses in one piece, so that the second arrives before the caller can reuse or close the connection. */
function sendTwo(reply: FastifyReply, answer: Answer, extra: Answer): void {
  const { socket } = reply.raw;
  const body = Buffer.from(answer.body ?? '');
  socket?.cork();
  writeHead(reply, answer, body).end(body);
  const extraBody = Buffer.from(extra.body ?? '');
  socket?.write(
    `HTTP/1.1 ${extra.status} Extra\r\ncontent-type: application/json\r\ncontent-length: ${extraBody.length}\r\n\r\n`,
  );
  socket?.write(extraBody);
  socket?.uncork();
}
