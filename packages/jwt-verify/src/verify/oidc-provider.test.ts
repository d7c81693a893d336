import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { Provider, type JWK } from 'oidc-provider';
import { expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { refusalOf } from '../testing/harness.ts';
import { createSigningKey, type SigningKey } from '../testing/signing.ts';

const audience = 'https://api.example.com';

/** Starts a real provider on one port. `rotate` replaces its keys while it runs. */
async function startProvider() {
  let provider: Provider | undefined;
  const server = createServer((request, response) => {
    void provider?.callback()(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const rotate = (signer: SigningKey, others: readonly SigningKey[] = []): void => {
    const keys = [signer, ...others].map(
      ({ privateKey, id, algorithm }): JWK =>
        ({ ...privateKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' }) as JWK,
    );
    provider = new Provider(issuer, {
      jwks: { keys },
      clients: [
        {
          client_id: 'app',
          client_secret: 'secret-of-a-test',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          id_token_signed_response_alg: signer.algorithm as 'RS256',
        },
      ],
      enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({
            scope: 'read',
            audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 300,
            jwt: { sign: { alg: signer.algorithm as 'RS256', kid: signer.id } },
          }),
        },
      },
    });
  };

  const issueToken = async (): Promise<string> => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('app:secret-of-a-test')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: 'read' }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    return token;
  };

  return { issuer, rotate, issueToken, close: () => new Promise((resolve) => server.close(resolve)) };
}

test('verify() accepts the tokens of a real provider while its keys are rotated, and refuses a token of a withdrawn key', async () => {
  const provider = await startProvider();
  let monotonicMs = 0;
  let nowMs = 0;
  const verifier = createJwtVerifier({
    issuers: [{ issuer: provider.issuer, audiences: [audience], machines: { accepted: true } }],
    clock: { nowMs: () => nowMs, monotonicMs: () => monotonicMs },
  });
  const [rs, es, ed] = [
    createSigningKey('rs', 'RS256'),
    createSigningKey('es', 'ES256'),
    createSigningKey('ed', 'EdDSA'),
  ];
  const accept = async (): Promise<string> => {
    const token = await provider.issueToken();
    // The verifier's wall clock shows the moment at which the token was issued.
    nowMs = Number(decodeJwt(token).iat) * 1000;
    await expect(verifier.verify(token)).resolves.toMatchObject({
      issuer: provider.issuer,
      subject: 'app',
      scopes: ['read'],
      claims: { client_id: 'app', aud: audience },
    });
    return token;
  };

  provider.rotate(rs);
  await expect(verifier.warm()).resolves.toMatchObject([{ keys: 1, lastFailure: null }]);
  const first = await accept();

  // The provider signs with a new key at once, and the first token of that key is accepted.
  monotonicMs += 31_000;
  provider.rotate(es, [rs]);
  await accept();
  await expect(refusalOf(verifier, first)).resolves.toBeUndefined();

  monotonicMs += 31_000;
  provider.rotate(ed, [es]);
  await accept();
  expect(verifier.status()).toMatchObject([{ keys: 2 }]);
  await expect(refusalOf(verifier, first)).resolves.toBe('invalid_token unknown_key');

  await provider.close();
});
