import { CognitoJwtVerifier } from 'aws-jwt-verify';
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrant,
  Configuration,
  type ClientAuth,
} from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { nymblUserPoolId } from './nymbl-idp.ts';

const { clientId, clientSecret } = sandboxCredentials.nymbl;
const scope = 'nymbl-customer-api/acme-corp';

const jwksSchema = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('RSA'),
      n: z.string(),
      e: z.string(),
      kid: z.string(),
      alg: z.literal('RS256'),
      use: z.literal('sig'),
    }),
  ),
});

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

function configure(authentication: ClientAuth): Configuration {
  const server = { issuer: sandbox.urls.nymblIdp, token_endpoint: `${sandbox.urls.nymblIdp}/oauth2/token` };
  const configuration = new Configuration(server, clientId, undefined, authentication);
  allowInsecureRequests(configuration);
  return configuration;
}

test.each([['ClientSecretPost', ClientSecretPost] as const, ['ClientSecretBasic', ClientSecretBasic] as const])(
  'openid-client obtains a token from Nymbl by %s, and aws-jwt-verify accepts it',
  async (_name, authenticate) => {
    const tokens = await clientCredentialsGrant(configure(authenticate(clientSecret)), { scope });
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 300 });
    expect(tokens.refresh_token).toBeUndefined();

    const verifier = CognitoJwtVerifier.create({ userPoolId: nymblUserPoolId, clientId, tokenUse: 'access', scope });
    const jwks = await (await fetch(`${sandbox.urls.nymblIdp}/.well-known/jwks.json`)).json();
    verifier.cacheJwks(jwksSchema.parse(jwks));
    await expect(verifier.verify(tokens.access_token)).resolves.toMatchObject({ client_id: clientId, scope });
  },
);

test.each([
  ['a wrong secret', 'sandbox-only-wrong', scope, 'invalid_client'],
  ['a secret with a newline', `${clientSecret}\n`, scope, 'invalid_client'],
  ['an unknown customer', clientSecret, 'nymbl-customer-api/initech', 'invalid_scope'],
  ['a foreign scope', clientSecret, 'openid', 'invalid_scope'],
])('openid-client recognises the refusal of %s', async (_name, secret, scope, error) => {
  const grant = clientCredentialsGrant(configure(ClientSecretPost(secret)), { scope });
  await expect(grant).rejects.toMatchObject({ status: 400, error });
});
