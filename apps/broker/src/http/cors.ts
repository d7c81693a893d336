import cors from '@fastify/cors';
import { ValetKeyError } from '@valetkey/core-types';
import { proxyResponseHeaders } from '@valetkey/vendor-clients';
import type { FastifyInstance } from 'fastify';

/**
 * Allows web pages of exactly these origins to call the broker (Fetch standard, CORS). Only a bearer token identifies a
 * caller, so no response allows the browser's own credentials.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  // The plugin would respond to these with a text of its own.
  server.addHook('onRequest', async ({ method, headers }) => {
    const isPreflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
    if (method === 'OPTIONS' && !isPreflight) {
      throw new ValetKeyError('invalid_request', 'OPTIONS is only for the preflight requests of browsers.');
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
