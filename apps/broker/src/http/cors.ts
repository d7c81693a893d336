import cors from '@fastify/cors';
import { ValetKeyError } from '@valetkey/core-types';
import { proxyResponseHeaders } from '@valetkey/vendor-clients';
import type { FastifyInstance } from 'fastify';

/**
 * Lets web pages of these exact origins call the broker (Fetch standard, CORS). Callers are known by their bearer token
 * alone, so no answer allows credentials of the browser's own.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  // The plugin would answer these with a text of its own.
  server.addHook('onRequest', async ({ method, headers }) => {
    const isPreflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
    if (method === 'OPTIONS' && !isPreflight) {
      throw new ValetKeyError('invalid_request', 'OPTIONS is for the preflight requests of browsers.');
    }
  });
  server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['retry-after', 'www-authenticate', 'x-request-id', ...proxyResponseHeaders],
    credentials: false,
    maxAge: 600,
  });
}
