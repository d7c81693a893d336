import { setTimeout } from 'node:timers/promises';
import type { Clock } from '@valetkey/core-types';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Call, Routes } from './answer.ts';
import { deliver, type Sleep } from './deliver.ts';
import type { ActiveFault } from './faults.ts';
import { addOwnRoutes, bodyText, type OwnRouteParts } from './own-routes.ts';
import type { Simulation } from './simulation.ts';

export interface ServerParts extends OwnRouteParts {
  readonly simulations: readonly Simulation[];
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** Waits on the machine's clock. */
export const systemSleep: Sleep = async (milliseconds, signal) => {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined);
};

/** Puts the simulations behind one listener, each under its path prefix. */
export const createServer = ({ simulations, clock, sleep, ...own }: ServerParts): FastifyInstance => {
  const server = fastify({
    bodyLimit: 1_048_576,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 4096 },
  });
  // Bodies are text here: what they have to be is each vendor's matter, and so is the answer to those that are not.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  // Tokens are of the sandbox's time, and so is what tells their age.
  server.addHook('onRequest', (_request, reply, done) => {
    reply.raw.setHeader('date', new Date(clock.nowMs()).toUTCString());
    done();
  });

  const serve = async (
    { vendor, failure }: Simulation,
    route: string,
    handle: Routes[string],
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    own.calls.count(vendor, route);
    const { delayMs, fault } = own.faults.strike(vendor, route);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    if (delayMs > 0) await sleep(delayMs, gone.signal);
    const call = readCall(request, fault);
    await deliver({
      reply,
      fault,
      answer: async () => handle(call),
      wrongAnswer: async () => handle({ ...call, wrongUser: true }),
      failure: (status) => failure(status, route),
      clock,
      sleep,
      signal: gone.signal,
    });
    return reply;
  };

  const mount = (simulation: Simulation, prefix: string, routes: Routes): void => {
    for (const [route, handle] of Object.entries(routes)) {
      const [method = '', path = ''] = route.split(' ');
      server.route({
        method,
        url: prefix + toFastifyPath(path),
        handler: (request, reply) => serve(simulation, route, handle, request, reply),
      });
    }
  };

  for (const simulation of simulations) {
    mount(simulation, `/${simulation.vendor}`, simulation.routes);
    mount(simulation, '', simulation.rootRoutes ?? {});
  }

  addOwnRoutes(server, own);

  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const simulation = simulations.find(({ vendor }) => path.startsWith(`/${vendor}/`));
    if (simulation === undefined)
      return reply.code(404).type('text/plain').send('Not found. GET / says what is where.\n');
    const route = `${request.method} ${path.slice(simulation.vendor.length + 1)} (unknown)`;
    const answer = simulation.unknownPath ?? simulation.failure(404, route);
    return serve(simulation, route, () => answer, request, reply);
  });

  server.setErrorHandler((error, _request, reply) => {
    const description = error instanceof Error ? error.message : 'The sandbox failed.';
    return reply.code(statusOf(error)).send({ error: 'invalid_request', error_description: description });
  });
  return server;
};

const statusOf = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;

/** `/v2/user/{user_id}` as fastify writes it; an OData key, `({id})`, ends at its parenthesis. */
const toFastifyPath = (path: string): string =>
  path
    .replaceAll(':', '::')
    .replaceAll(/\(\{(\w+)\}\)/g, String.raw`(:$1(^[\w'-]+))`)
    .replaceAll(/\{(\w+)\}/g, ':$1');

const readCall = (request: FastifyRequest, fault: ActiveFault | undefined): Call => {
  const query = request.url.indexOf('?');
  return {
    parameters: readParameters(request.params),
    query: new URLSearchParams(query < 0 ? '' : request.url.slice(query + 1)),
    headers: request.headers,
    body: bodyText(request),
    wrongUser: false,
    tokenFlaw:
      fault?.type === 'expired-token' ? 'expired' : fault?.type === 'unpublished-key' ? 'unpublished-key' : undefined,
  };
};

const readParameters = (parameters: unknown): Readonly<Record<string, string>> =>
  typeof parameters === 'object' && parameters !== null
    ? Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
    : {};
