import { randomUUID } from 'node:crypto';
import { sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import { bearerToken, json, noStore, oauthError, parseForm, type Answer, type Call } from './answer.ts';
import { readDevBody } from './dev-body.ts';
import { createIdpLogin } from './idp-login.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import { parseStrictly } from './parse.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';

const devTokenSchema = z.strictObject({
  sub: z.string(),
  /** Added to the token's claims, and stronger than they are. */
  claims: z.record(z.string(), z.json()).default({}),
  scope: z.string().default('openid'),
  audience: z.union([z.string(), z.array(z.string())]).default('valetkey'),
  /** Seconds; negative for a token that is past its end. */
  expires_in: z.number().int().default(3600),
  algorithm: z.enum(['RS256', 'ES256', 'EdDSA']).default('RS256'),
  issuer: z.string().optional(),
  typ: z.string().default('at+jwt'),
});

const devKeysSchema = z.strictObject({ action: z.enum(['rotate', 'withdraw']) });

/** What `POST /idp/dev-token` takes: `sub`, and what is to differ from an ordinary access token of that user. */
export type DevTokenRequest = z.input<typeof devTokenSchema>;

/** Simulates a plain OpenID provider. Its dev route is the short way to an access token, past every login page. */
export const createIdp = ({
  clock,
  origin,
}: SimulationEnvironment): {
  simulation: Simulation;
  mintUserToken: (request: DevTokenRequest) => Promise<string>;
  keys: SigningKeys;
} => {
  const keys = createSigningKeys(clock, ['RS256', 'ES256', 'EdDSA']);
  const issuer = () => `${origin()}/idp`;
  const login = createIdpLogin(clock, issuer);

  const mint = (request: z.output<typeof devTokenSchema>, flaw: Call['tokenFlaw']): Promise<string> => {
    const iat = nowSeconds(clock);
    const claims = {
      iss: request.issuer ?? issuer(),
      aud: request.audience,
      sub: request.sub,
      client_id: `${sandboxMarker}-app`,
      // An expired token was issued a whole life before its end, never after it.
      iat: Math.min(iat, iat + request.expires_in - 1),
      exp: iat + request.expires_in,
      jti: randomUUID(),
      scope: request.scope,
      ...request.claims,
    };
    return keys.sign(claims, { algorithm: request.algorithm, typ: request.typ, flaw });
  };

  const devToken = async (call: Call): Promise<Answer> => {
    const body = readDevBody(call, devTokenSchema);
    if ('status' in body) return body;
    const request = call.wrongUser ? { ...body.value, sub: 'wrong-user' } : body.value;
    const token = await mint(request, call.tokenFlaw);
    return json(200, { access_token: token, token_type: 'Bearer', expires_in: request.expires_in }, noStore);
  };

  const token = async (call: Call): Promise<Answer> => {
    const form = parseForm(call);
    if (form === undefined) return oauthError('invalid_request', 'the body has to be a form');
    const outcome = login.redeemCode(form);
    if ('status' in outcome) return outcome;
    const { clientId, scope, nonce } = outcome;
    const sub = call.wrongUser ? 'wrong-user' : outcome.sub;
    const request = devTokenSchema.parse({ sub, scope, claims: { client_id: clientId } });
    const iat = nowSeconds(clock);
    const idClaims = { iss: issuer(), aud: clientId, sub, iat, exp: iat + request.expires_in, ...(nonce && { nonce }) };
    const idToken = await keys.sign(idClaims, { flaw: call.tokenFlaw });
    const accessToken = await mint(request, call.tokenFlaw);
    const answer = { token_type: 'Bearer', expires_in: request.expires_in, scope };
    return json(200, { access_token: accessToken, id_token: idToken, ...answer }, noStore);
  };

  const devKeys = async (call: Call): Promise<Answer> => {
    const body = readDevBody(call, devKeysSchema);
    if ('status' in body) return body;
    await keys[body.value.action]();
    return json(200, await keys.jwks());
  };

  const userInfo = async (call: Call): Promise<Answer> => {
    const token = bearerToken(call);
    if (token === undefined) return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
    const claims = await keys.verify(token);
    if (claims === undefined) return invalidToken;
    return json(200, { sub: call.wrongUser ? 'wrong-user' : claims.sub });
  };

  const discovery = () =>
    json(200, {
      issuer: issuer(),
      authorization_endpoint: `${issuer()}/authorize`,
      token_endpoint: `${issuer()}/token`,
      userinfo_endpoint: `${issuer()}/userinfo`,
      jwks_uri: `${issuer()}/jwks`,
      scopes_supported: ['openid'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      authorization_response_iss_parameter_supported: true,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
    });

  return {
    keys,
    mintUserToken: async (request) => mint(parseStrictly('mintUserToken', devTokenSchema, request), undefined),
    simulation: {
      vendor: 'idp',
      failure,
      routes: {
        'GET /.well-known/openid-configuration': discovery,
        'GET /jwks': async () => json(200, await keys.jwks()),
        'GET /authorize': login.authorize,
        'POST /token': token,
        'GET /userinfo': userInfo,
        'POST /dev-token': devToken,
        'POST /dev-keys': devKeys,
      },
    },
  };
};

const invalidToken = json(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });

/** What the provider says with a status: the error that fits the route (RFC 6749 section 5.2, RFC 6750 section 3.1). */
const failure = (status: number, route: string): Answer => {
  if (route === 'GET /userinfo' && status === 401) return invalidToken;
  if (route === 'POST /token' && status === 400) return oauthError('invalid_grant');
  return json(status, { error: status >= 500 ? 'server_error' : 'invalid_request' });
};
