// What a team writes without the broker: fastify, jose and `fetch`. No cache, no audit, no limits.
import fastify, { type FastifyRequest } from 'fastify';
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';

interface HandOptions {
  readonly vendorUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri: string;
}

const { vendorUrl, issuer, audience, jwksUri } = JSON.parse(process.argv[2] ?? '') as HandOptions;
const server = fastify();
const keys = createRemoteJWKSet(new URL(jwksUri));

async function verify({ headers }: FastifyRequest): Promise<JWTPayload> {
  const token = headers.authorization?.slice('Bearer '.length) ?? '';
  const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'], typ: 'at+jwt' });
  return payload;
}

server.get('/v1/authorize', async (request, reply) => {
  const { iss, sub, scope } = await verify(request);
  return reply
    .header('x-valetkey-session-valid', 'true')
    .header('x-valetkey-user-id', sub)
    .header('x-valetkey-issuer', iss)
    .header('x-valetkey-scope', scope)
    .status(204)
    .send();
});
server.post('/v1/vendors/nabla/token', async (request) => {
  const { nabla_patient_id: patient } = await verify(request);
  const response = await fetch(`${vendorUrl}/v1/server/jwt/patient/authenticate/${String(patient)}`, {
    headers: { authorization: 'Bearer server_bench', accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`The vendor responded ${response.status}.`);
  const { access_token, refresh_token } = (await response.json()) as Record<string, string>;
  return { access_token, refresh_token, expires_in: 300 };
});

process.stdout.write(`listens on ${await server.listen({ host: '127.0.0.1', port: 0 })}\n`);
