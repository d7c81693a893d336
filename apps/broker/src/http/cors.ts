import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/**
 * Lets web pages of these exact origins call the broker (Fetch standard, CORS). Callers are known by their bearer token
 * alone, so no answer allows credentials of the browser's own.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['retry-after', 'www-authenticate', 'x-request-id'],
    credentials: false,
    maxAge: 600,
  });
}
