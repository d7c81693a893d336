import type { Clock } from '@valetkey/core-types';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Call, Routes } from './responses.ts';
import { serveBrowsers } from './browsers.ts';
import { deliver } from './deliver.ts';
import type { ActiveFault } from './faults.ts';
import { addSandboxRoutes, bodyText, type SandboxRouteDependencies } from './sandbox-routes.ts';
import type { Service } from './simulation.ts';
import type { Sleep } from './sleep.ts';

/** A service under the name that is its path prefix. */
export interface NamedService extends Service {
  readonly name: string;
}

export interface ServerDependencies extends SandboxRouteDependencies {
  readonly services: readonly NamedService[];
  /** The host names that requests may use, besides those of this machine. */
  readonly hostNames: readonly string[];
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** Creates one HTTP server for all services, each under its path prefix, and for the sandbox's own routes. */
export function createServer(dependencies: ServerDependencies): FastifyInstance {
  const { services, clock } = dependencies;
  const server = fastify({
    bodyLimit: 1_048_576,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 4096 },
  });
  // Every body is passed on as text, because each vendor decides which bodies it accepts.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  // Callers compare the times in tokens with `Date`, so both come from the sandbox's clock.
  server.addHook('onRequest', (_request, reply, done) => {
    reply.raw.setHeader('date', new Date(clock.nowMs()).toUTCString());
    done();
  });

  serveBrowsers(server, dependencies.hostNames);
  for (const service of services) {
    mount(server, dependencies, service, `/${service.name}`, service.routes);
    mount(server, dependencies, service, '', service.rootRoutes ?? {});
  }
  addSandboxRoutes(server, dependencies);

  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const service = services.find(({ name }) => path.startsWith(`/${name}/`));
    if (service === undefined) return reply.code(404).type('text/plain').send('Not found. GET / lists every path.\n');
    const route = `${request.method} ${path.slice(service.name.length + 1)} (unknown)`;
    const response = service.unknownPath ?? service.failure(404, route);
    return serve(dependencies, { service, route, handle: () => response }, request, reply);
  });

  server.setErrorHandler((error, _request, reply) => {
    const description = error instanceof Error ? error.message : 'The sandbox failed.';
    return reply.code(statusOf(error)).send({ error: 'invalid_request', error_description: description });
  });
  return server;
}

function mount(
  server: FastifyInstance,
  dependencies: ServerDependencies,
  service: NamedService,
  prefix: string,
  routes: Routes,
): void {
  for (const [route, handle] of Object.entries(routes)) {
    const [method = '', path = ''] = route.split(' ');
    server.route({
      method,
      url: prefix + toFastifyPath(path),
      handler: (request, reply) => serve(dependencies, { service, route, handle }, request, reply),
    });
  }
}

interface ServedRoute {
  readonly service: NamedService;
  readonly route: string;
  readonly handle: Routes[string];
}

async function serve(
  { calls, faults, clock, sleep }: ServerDependencies,
  { service, route, handle }: ServedRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  calls.count(service.name, route);
  const { delayMs, fault } = faults.takeFaults(service.name, route);
  const closed = new AbortController();
  reply.raw.once('close', () => closed.abort());
  if (delayMs > 0) await sleep(delayMs, closed.signal);
  const call = toCall(request, fault);
  await deliver({
    reply,
    fault,
    respond: async () => handle(call),
    respondAboutOtherUser: async () => handle({ ...call, wrongUser: true }),
    failure: (status) => service.failure(status, route),
    clock,
    sleep,
    signal: closed.signal,
  });
  return reply;
}

function statusOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;
}

/** Converts a path such as `/v2/user/{user_id}` into fastify's syntax. An OData key, `({id})`, ends at its parenthesis. */
function toFastifyPath(path: string): string {
  return path
    .replaceAll(':', '::')
    .replaceAll(/\(\{(\w+)\}\)/g, String.raw`(:$1(^[\w'-]+))`)
    .replaceAll(/\{(\w+)\}/g, ':$1');
}

function toCall(request: FastifyRequest, fault: ActiveFault | undefined): Call {
  const query = request.url.indexOf('?');
  return {
    parameters: toTexts(request.params),
    query: new URLSearchParams(query < 0 ? '' : request.url.slice(query + 1)),
    headers: request.headers,
    body: bodyText(request),
    wrongUser: false,
    tokenFlaw: tokenFlaws.get(fault?.type),
  };
}

const tokenFlaws: ReadonlyMap<ActiveFault['type'] | undefined, Call['tokenFlaw']> = new Map([
  ['expired-token', 'expired'],
  ['unpublished-key', 'unpublished-key'],
]);

function toTexts(parameters: unknown): Readonly<Record<string, string>> {
  return typeof parameters === 'object' && parameters !== null
    ? Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
    : {};
}
