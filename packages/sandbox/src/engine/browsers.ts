import { isHostAllowed, isLoopbackOrigin } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';

/**
 * Lets web pages of this machine call every route (Fetch standard, CORS), so that a page can sign a user in. Refuses a host name
 * that is neither of this machine nor one of `hostNames`, because the routes are for the developer alone.
 */
export function serveBrowsers(server: FastifyInstance, hostNames: readonly string[]): void {
  server.addHook('onRequest', (request, reply, done) => {
    const { origin, host } = request.headers;
    const { host: hosts = [] } = request.raw.headersDistinct;
    if (hosts.length > 1 || !isHostAllowed(host, request.socket.localAddress, hostNames)) {
      reply
        .code(403)
        .type('text/plain')
        .send('The sandbox does not serve this host name. Use a loopback name, or set `hostNames`.\n');
      return;
    }
    if (origin === undefined || !isLoopbackOrigin(origin)) return done();
    // Set on the raw response, because some faults send that one.
    reply.raw.setHeader('access-control-allow-origin', origin);
    reply.raw.setHeader('access-control-allow-credentials', 'true');
    reply.raw.setHeader('access-control-expose-headers', 'www-authenticate, retry-after, location');
    reply.raw.setHeader('vary', 'origin');
    const method = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || method === undefined) return done();
    reply.raw.setHeader('access-control-allow-methods', method);
    const names = request.headers['access-control-request-headers'];
    if (names !== undefined) reply.raw.setHeader('access-control-allow-headers', names);
    reply.code(204).send();
  });
}
