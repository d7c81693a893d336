// The floor: fastify does the same input and output as the broker, and nothing else.
import fastify from 'fastify';
import { Pool } from 'undici';

interface FloorOptions {
  readonly vendorUrl: string;
  /** The status and the headers of the broker's own response to `GET /v1/authorize`. */
  readonly authorized: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
}

const { vendorUrl, authorized } = JSON.parse(process.argv[2] ?? '') as FloorOptions;
const server = fastify();
const vendor = new Pool(vendorUrl, { connections: 128, pipelining: 1 });
const call = {
  method: 'GET',
  path: '/v1/server/jwt/patient/authenticate/patient-1',
  headers: { authorization: 'Bearer server_bench', accept: 'application/json' },
} as const;

server.get('/v1/authorize', (_request, reply) => {
  reply.status(authorized.status).headers(authorized.headers).send();
});
server.post('/v1/vendors/nabla/token', async (_request, reply) => {
  const { body } = await vendor.request(call);
  return reply.header('content-type', 'application/json').send(await body.text());
});

process.stdout.write(`listens on ${await server.listen({ host: '127.0.0.1', port: 0 })}\n`);
