import { isLoopbackHost, sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import { jsonResponse, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { control } from '../../engine/controls.ts';
import { defineSimulation } from '../../engine/simulation.ts';
import { authgearFailure } from './authgear-errors.ts';
import { authgearScope, createAuthgearLogin } from './authgear-login.ts';
import { createAuthgearSessionRoutes } from './authgear-session-routes.ts';
import { createAuthgearSessions } from './authgear-sessions.ts';
import { createAuthgearTokenRoutes } from './authgear-token-routes.ts';

const clientId = `${sandboxMarker}-authgear-client`;
const userSchema = z.string().min(1);

/** Simulates Authgear: token endpoint, userinfo, revocation and resolver. Development routes replace its login page. */
export const authgear = defineSimulation({
  id: 'authgear',
  title: 'Authgear',
  options: z.strictObject({
    clientIds: z
      .array(z.string().min(1))
      .min(1)
      .readonly()
      .default([clientId])
      .describe('The ids of the clients that the project has. Default: the client of the sandbox credentials.'),
    accessTokens: z
      .enum(['jwt', 'opaque'])
      .default('jwt')
      .describe(
        'The form of the access tokens that Authgear issues: `jwt` as if "Issue JWT as access token" is on in the project, `opaque` as if it is off.',
      ),
    rotateRefreshTokens: z
      .boolean()
      .default(false)
      .describe('Whether Authgear responds to a refresh with a new refresh token and revokes the old one.'),
  }),
  credentials: { clientId },
  services: {
    authgear: {
      title: 'Authgear',
      sample: 'GET  /.well-known/openid-configuration, POST /dev-session {"sub":"alice"}',
      simulates: 'discovery, code and refresh grants, userinfo, revocation, JWKS, resolver',
    },
  },
  signingKeys: { authgear: ['RS256'] },
  dev: ({ urls }) => ({ endpoint: urls.authgear }),

  simulate({ clock, origin, urlOf, keys: { authgear: keys } }, { clientIds, ...tokenOptions }) {
    const issuer = () => urlOf('authgear');
    const sessions = createAuthgearSessions({ clock, keys, issuer, audience: origin, ...tokenOptions });
    const login = createAuthgearLogin(clock, clientId);
    const disabled = new Set<string>();
    const tokens = createAuthgearTokenRoutes({ sessions, login, disabled, clientIds });
    const { userInfo, resolve } = createAuthgearSessionRoutes(sessions, disabled);

    return {
      services: {
        authgear: {
          failure: authgearFailure,
          routes: {
            'GET /.well-known/openid-configuration': () => jsonResponse(200, describeProvider(issuer())),
            'GET /oauth2/jwks': async () => jsonResponse(200, await keys.jwks()),
            'POST /oauth2/token': tokens.token,
            'GET /oauth2/userinfo': userInfo,
            'POST /oauth2/userinfo': userInfo,
            'POST /oauth2/revoke': tokens.revoke,
            'GET /oauth2/end_session': endSession,
            'POST /oauth2/app_session_token': tokens.appSessionToken,
            'GET /_resolver/resolve': resolve,
            'HEAD /_resolver/resolve': resolve,
            'GET /resolve': resolve,
            'HEAD /resolve': resolve,
            'POST /dev-session': tokens.devSession,
            'POST /dev-code': login.issueCode,
          },
        },
      },
      controls: {
        // Over HTTP, `true` stands for every user.
        revokeSessions: control(z.union([userSchema, z.literal(true).transform(() => undefined)]), sessions.endAll),
        disableUser: control(userSchema, (sub) => {
          disabled.add(sub);
        }),
        enableUser: control(userSchema, (sub) => {
          disabled.delete(sub);
        }),
      },
    };
  },
});

/** Returns the provider's metadata (OpenID Connect Discovery 1.0 section 3). */
function describeProvider(endpoint: string) {
  return {
    issuer: endpoint,
    authorization_endpoint: `${endpoint}/oauth2/authorize`,
    token_endpoint: `${endpoint}/oauth2/token`,
    userinfo_endpoint: `${endpoint}/oauth2/userinfo`,
    revocation_endpoint: `${endpoint}/oauth2/revoke`,
    end_session_endpoint: `${endpoint}/oauth2/end_session`,
    jwks_uri: `${endpoint}/oauth2/jwks`,
    scopes_supported: authgearScope.split(' '),
    response_types_supported: ['code', 'none'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
  };
}

/** Redirects only to apps on this machine, so that the sandbox is no open redirect. */
function endSession(call: Call): SimulatedResponse {
  const target = call.query.get('post_logout_redirect_uri') ?? '';
  const { protocol, hostname } = URL.canParse(target) ? new URL(target) : { protocol: '', hostname: '' };
  const isLocal = protocol === 'http:' && isLoopbackHost(hostname);
  return isLocal ? { status: 302, headers: { location: target } } : { status: 200 };
}
