import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const audience = 'https://api.example.com';

/** Starts an identity provider that serves its keys, and returns app tokens of so many users. */
export async function startIdentityProvider(users: number) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keySet = JSON.stringify({
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }],
  });
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(keySet);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const signToken = (_: unknown, index: number): string => {
    const user = { sub: `user-${index}`, nabla_patient_id: `patient-${index}`, scope: 'openid messages' };
    const claims = { iss: issuer, aud: audience, iat, exp: iat + 7_200, jti: `${index}`, client_id: 'app', ...user };
    const input = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`;
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
  };
  return {
    issuer,
    audience,
    jwksUri: `${issuer}/keys`,
    tokens: Array.from({ length: users }, signToken),
    close: () => server.close(),
  };
}

export type IdentityProvider = Awaited<ReturnType<typeof startIdentityProvider>>;
