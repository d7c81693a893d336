import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { json, type Answer } from './answer.ts';
import type { CallLog } from './calls.ts';
import type { ControlSchema } from './controls.ts';
import { readDevBody } from './dev-body.ts';
import { faultListSchema, type FaultList } from './faults.ts';
import { frontPage } from './front-page.ts';

export interface OwnRouteParts {
  readonly calls: CallLog;
  readonly faults: FaultList;
  readonly controls: ControlSchema;
}

/** Adds the routes that no vendor has: what was called, what goes wrong, and what the vendors' consoles would do. */
export const addOwnRoutes = (server: FastifyInstance, { calls, faults, controls }: OwnRouteParts): void => {
  server.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(frontPage));
  server.get('/_calls', () => calls.counts());
  server.delete('/_calls', (_request, reply) => {
    calls.reset();
    return reply.code(204).send();
  });

  server.get('/_faults', () => ({ faults: faults.rules() }));
  server.put('/_faults', (request, reply) => {
    const body = readDevBody({ headers: request.headers, body: bodyText(request) }, faultListSchema);
    if ('status' in body) return send(reply, body);
    try {
      faults.replace(body.value.faults);
    } catch (error) {
      const description = error instanceof TypeError ? error.message : 'The faults are not valid.';
      return send(reply, json(400, { error: 'invalid_request', error_description: description }));
    }
    return { faults: faults.rules() };
  });

  server.post('/_state', async (request, reply) => {
    const body = readDevBody({ headers: request.headers, body: bodyText(request) }, controls);
    if ('status' in body) return send(reply, body);
    await body.value();
    return reply.code(204).send();
  });
};

/** The body as it was sent. */
export const bodyText = (request: FastifyRequest): string => (typeof request.body === 'string' ? request.body : '');

const send = (reply: FastifyReply, { status, headers = {}, body }: Answer): FastifyReply =>
  reply.code(status).headers(headers).send(body);
