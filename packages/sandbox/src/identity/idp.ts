import { z } from 'zod';
import {
  bearerToken,
  jsonResponse,
  noStore,
  oauthError,
  parseForm,
  type Call,
  type SimulatedResponse,
} from '../engine/responses.ts';
import { parseSandboxBody } from '../engine/sandbox-body.ts';
import { parseArgument } from '../engine/parse.ts';
import { control } from '../engine/controls.ts';
import { defineSimulation } from '../engine/simulation.ts';
import { createIdpLogin } from './idp-login.ts';
import {
  devTokenSchema,
  signAccessToken,
  signLoginTokens,
  type AccessTokenNames,
  type DevTokenRequest,
  type IdpTokenDependencies,
} from './idp-tokens.ts';

const devKeysSchema = z.strictObject({ action: z.enum(['rotate', 'withdraw']) });

/** Simulates a plain OpenID provider. `POST /dev-token` issues an access token without a login page. */
export const idp = defineSimulation({
  id: 'idp',
  title: 'OpenID provider',
  services: {
    idp: {
      title: 'an OpenID provider',
      sample: 'GET  /.well-known/openid-configuration, GET  /dev-token?sub=alice',
      simulates: 'discovery, JWKS (RS256, ES256, EdDSA), login with PKCE, userinfo',
    },
  },
  signingKeys: { idp: ['RS256', 'ES256', 'EdDSA'] },
  acceptedIssuer: ({ urls }) => ({ issuer: urls.idp, audiences: ['valetkey'] }),

  simulate({ clock, urlOf, keys: { idp: keys } }) {
    const issuer = () => urlOf('idp');
    const names: AccessTokenNames = {};
    const dependencies = { clock, keys, issuer, names };
    const login = createIdpLogin(clock, issuer);

    async function devToken(call: Call): Promise<SimulatedResponse> {
      const body = parseSandboxBody(call, devTokenSchema);
      if ('status' in body) return body;
      const request = { ...body.value, sub: subjectOf(body.value.sub, call) };
      const token = await signAccessToken(request, call.tokenFlaw, dependencies);
      return jsonResponse(200, { access_token: token, token_type: 'Bearer', expires_in: request.expires_in }, noStore);
    }

    async function token(call: Call): Promise<SimulatedResponse> {
      const form = parseForm(call);
      if (form === undefined) return oauthError('invalid_request', 'the body has to be a form');
      const outcome = login.redeemCode(form);
      if ('status' in outcome) return outcome;
      const user = { ...outcome, sub: subjectOf(outcome.sub, call) };
      return jsonResponse(200, await signLoginTokens(user, call.tokenFlaw, dependencies), noStore);
    }

    async function devKeys(call: Call): Promise<SimulatedResponse> {
      const body = parseSandboxBody(call, devKeysSchema);
      if ('status' in body) return body;
      await keys[body.value.action]();
      return jsonResponse(200, await keys.jwks());
    }

    async function userInfo(call: Call): Promise<SimulatedResponse> {
      const accessToken = bearerToken(call);
      if (accessToken === undefined) return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
      const claims = await keys.verify(accessToken);
      return claims === undefined ? invalidToken : jsonResponse(200, { sub: subjectOf(claims.sub, call) });
    }

    return {
      services: {
        idp: {
          failure,
          routes: {
            'GET /.well-known/openid-configuration': () => jsonResponse(200, describeProvider(issuer())),
            'GET /jwks': async () => jsonResponse(200, await keys.jwks()),
            'GET /authorize': login.authorize,
            'POST /token': token,
            'GET /userinfo': userInfo,
            'GET /dev-token': (call) => devHeader(call, dependencies),
            'POST /dev-token': devToken,
            'POST /dev-keys': devKeys,
          },
        },
      },
      controls: createNameControls(names),
      state: {
        /** Resolves to an access token of the identity provider. */
        mintUserToken: async (request: DevTokenRequest): Promise<string> =>
          signAccessToken(parseArgument('mintUserToken', devTokenSchema, request), undefined, dependencies),
      },
    };
  },
});

/** Responds with a header line that `curl -H @file` sends, so that a shell needs no JSON parser. */
async function devHeader(call: Call, dependencies: IdpTokenDependencies): Promise<SimulatedResponse> {
  const sub = call.query.get('sub') ?? '';
  if (sub === '') return oauthError('invalid_request', 'the query must name the user: ?sub=alice');
  const request = devTokenSchema.parse({ sub: subjectOf(sub, call) });
  const accessToken = await signAccessToken(request, call.tokenFlaw, dependencies);
  const headers = { ...noStore, 'content-type': 'text/plain; charset=utf-8' };
  return { status: 200, headers, body: `Authorization: Bearer ${accessToken}\n` };
}

/** Returns the controls that let access tokens carry the names of a configuration that is rehearsed. */
function createNameControls(names: AccessTokenNames) {
  return {
    setTokenIssuer: control(z.string().min(1), (name) => {
      names.issuer = name;
    }),
    setTokenAudiences: control(z.array(z.string().min(1)).min(1), (audiences) => {
      names.audiences = audiences;
    }),
  };
}

const invalidToken = jsonResponse(
  401,
  { error: 'invalid_token' },
  { 'www-authenticate': 'Bearer error="invalid_token"' },
);

function subjectOf<Subject extends string | undefined>(sub: Subject, call: Call): Subject | 'wrong-user' {
  return call.wrongUser ? 'wrong-user' : sub;
}

/** Returns the provider's metadata (OpenID Connect Discovery 1.0 section 3). */
function describeProvider(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: ['openid'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
  };
}

/** Returns the error that fits the status at the route (RFC 6749 section 5.2, RFC 6750 section 3.1). */
function failure(status: number, route: string): SimulatedResponse {
  if (route === 'GET /userinfo' && status === 401) return invalidToken;
  if (route === 'POST /token' && status === 400) return oauthError('invalid_grant');
  return jsonResponse(status, { error: status >= 500 ? 'server_error' : 'invalid_request' });
}
