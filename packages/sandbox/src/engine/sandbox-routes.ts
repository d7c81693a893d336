import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { SimulatedResponse } from './responses.ts';
import type { CallLog } from './call-log.ts';
import type { FaultList } from './faults.ts';
import { parseSandboxBody } from './sandbox-body.ts';

export interface SandboxRouteDependencies {
  readonly calls: CallLog;
  readonly faults: FaultList;
  /** Parses the body of `POST /_state` into a function that takes the actions. */
  readonly controls: z.ZodType<() => Promise<void>>;
  /** The text of `GET /`. */
  readonly frontPage: string;
}

/** Adds the routes that belong to the sandbox and to no vendor: the front page, the calls, the faults and the state. */
export function addSandboxRoutes(
  server: FastifyInstance,
  { calls, faults, controls, frontPage }: SandboxRouteDependencies,
): void {
  server.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(frontPage));
  server.get('/_calls', () => calls.counts());
  server.delete('/_calls', (_request, reply) => {
    calls.reset();
    return reply.code(204).send();
  });

  server.get('/_faults', () => ({ faults: faults.rules() }));
  server.put('/_faults', (request, reply) => {
    const body = parseSandboxBody({ headers: request.headers, body: bodyText(request) }, faults.schema);
    if ('status' in body) return send(reply, body);
    faults.replace(body.value.faults);
    return { faults: faults.rules() };
  });

  server.post('/_state', async (request, reply) => {
    const body = parseSandboxBody({ headers: request.headers, body: bodyText(request) }, controls);
    if ('status' in body) return send(reply, body);
    await body.value();
    return reply.code(204).send();
  });
}

/** Returns the body as it was sent. */
export function bodyText(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}

function send(reply: FastifyReply, { status, headers = {}, body }: SimulatedResponse): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}
