import { issueResponseSchema, problemSchema, sessionResponseSchema } from '@valetkey/core-types';
import { z } from 'zod';
import {
  json,
  noSecurity,
  page,
  problem,
  readable,
  response,
  state,
  text,
  type Operation,
  type PathItem,
} from './api-operations.ts';
import { tokenExchangeGrant } from './routes/exchange-request.ts';

const connection = {
  name: 'connection',
  in: 'path',
  required: true,
  description: 'The name of a configured connection, such as `nabla`.',
  ...text,
};
const scope = { name: 'scope', in: 'query', description: 'Required scopes, separated by spaces.', ...text };
const explain = {
  name: 'explain',
  in: 'query',
  description: 'A connection to explain: why the caller may or may not use it. 403 unless the operator allows it.',
  ...text,
};

const sessionHeaders = '`user-id`, `issuer` and `scope`, each after the configured prefix';

const path = { name: 'path', in: 'path', required: true, description: 'The path at the vendor.', ...text };
const link = {
  name: 'url',
  in: 'query',
  required: true,
  description: 'An absolute link to the vendor, from a response of the vendor.',
  ...text,
};

function proxied(method: string, target: object): Operation {
  return {
    operationId: `proxy${method}`,
    summary: 'Calls the vendor on the principal’s behalf, if the operator allows this method and path',
    parameters: [connection, target],
    responses: {
      '2XX': response('The vendor’s response.'),
      '4XX': response('The vendor’s response if the vendor refuses the call; a problem if the broker refuses it.'),
      default: problem,
    },
  };
}

const proxyMethods = { get: 'Get', head: 'Head', post: 'Post', put: 'Put', patch: 'Patch', delete: 'Delete' };

const exchangeForm = {
  type: 'object',
  required: ['grant_type', 'subject_token', 'subject_token_type', 'audience'],
  properties: {
    grant_type: { const: tokenExchangeGrant },
    subject_token: { type: 'string', description: 'The caller’s own token, which the identity provider issued.' },
    subject_token_type: { type: 'string', format: 'uri' },
    audience: { type: 'string', description: 'The name of the connection.' },
    requested_token_type: { type: 'string', format: 'uri' },
  },
};

const logoutForm = { type: 'object', required: ['logout_token'], properties: { logout_token: { type: 'string' } } };

const issuing = {
  summary:
    'Issues a client token of the vendor for the principal. GET is for vendors whose tokens are bound to the account',
  parameters: [connection],
};
const issuedToken = { ...json('IssueResponse'), 'text/plain': text };

const endpoint = (operationId: string, parameters: readonly object[]) => ({
  operationId,
  summary: 'Issues a client token to the vendor’s own client SDK, in the form that the SDK expects',
  parameters: [connection, ...parameters],
  responses: {
    '200': response('The response that the SDK expects.', { 'application/json': {}, 'text/plain': text }),
    default: response('The problem, in the vendor’s words.', { 'application/json': {} }),
  },
});

const paths: Readonly<Record<string, PathItem>> = {
  '/v1/vendors/{connection}/token': {
    get: {
      operationId: 'getToken',
      ...issuing,
      responses: {
        '200': response(
          'Only the token, or the vendor’s own fields and the common fields if the caller prefers `application/json` or the token cannot be text.',
          issuedToken,
        ),
        default: problem,
      },
      security: [{ caller: [] }, { callerWithProof: [] }, { callerWithoutScheme: [] }],
    },
    post: {
      operationId: 'issueToken',
      ...issuing,
      requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
      responses: {
        '200': response(
          'The vendor’s own fields and the common fields, or only the token if the caller prefers `text/plain`.',
          issuedToken,
        ),
        default: problem,
      },
    },
  },
  '/v1/vendors/{connection}/proxy/{path}': Object.fromEntries(
    Object.entries(proxyMethods).map(([method, name]) => [method, proxied(name, path)]),
  ),
  '/v1/vendors/{connection}/proxy': Object.fromEntries(
    Object.entries(proxyMethods).map(([method, name]) => [method, proxied(`${name}Link`, link)]),
  ),
  '/v1/vendors/{connection}/endpoint': { get: endpoint('getFromEndpoint', []), post: endpoint('postToEndpoint', []) },
  '/v1/vendors/{connection}/endpoint/{path}': {
    get: endpoint('getBelowEndpoint', [path]),
    post: endpoint('postBelowEndpoint', [path]),
  },
  '/v1/session': {
    get: {
      operationId: 'getSession',
      summary: 'Returns the principal, and the connections that it may use',
      parameters: [explain],
      responses: { '200': response('The session is valid.', json('SessionResponse')), default: problem },
    },
  },
  '/v1/resolve': readable({
    operationId: 'resolve',
    summary: 'Tells a service whether its caller’s token is absent, valid or invalid',
    responses: {
      '200': response(
        `The header \`session-valid\`, after the configured prefix, is absent without a token, and else \`true\` or \`false\`. With \`true\`, the response also has the headers ${sessionHeaders}.`,
      ),
      default: problem,
    },
    security: [{}, { caller: [] }],
  }),
  '/v1/authorize': readable({
    operationId: 'authorize',
    summary: 'Tells nginx or Caddy whether a request has a valid token with the required scopes',
    parameters: [scope],
    security: [{ caller: [] }],
    responses: {
      '204': response(
        `The token is valid and has the required scopes. The response has the header \`session-valid\` with the value \`true\`, and ${sessionHeaders}.`,
      ),
      default: problem,
    },
  }),
  '/oauth2/token': {
    post: {
      operationId: 'exchangeToken',
      summary: 'Issues a client token by token exchange (RFC 8693)',
      requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: exchangeForm } } },
      responses: {
        '200': response(
          'The fields of an issue response, and `access_token`, `issued_token_type` and `token_type`.',
          json('ExchangeResponse'),
        ),
        default: response('An OAuth error (RFC 6749 section 5.2).', json('OAuthError')),
      },
      security: noSecurity,
    },
  },
  '/v1/backchannel-logout': {
    post: {
      operationId: 'logOut',
      summary:
        'Accepts a logout token of an identity provider (OpenID Connect Back-Channel Logout 1.0), if it is configured',
      requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: logoutForm } } },
      responses: {
        '200': response('The logout is stored.'),
        default: response('An OAuth error (RFC 6749 section 5.2).', json('OAuthError')),
      },
      security: noSecurity,
    },
  },
  '/.well-known/oauth-authorization-server': metadata(
    'getAuthorizationServerMetadata',
    'authorization server metadata (RFC 8414)',
  ),
  '/.well-known/oauth-protected-resource': metadata(
    'getProtectedResourceMetadata',
    'protected resource metadata (RFC 9728)',
  ),
  '/healthz': readable(state('getHealth', 'Responds 200 if the process runs', { 200: 'ok' })),
  '/readyz': readable(
    state('getReadiness', 'Responds 200 if the broker can serve requests, else 503', { 200: 'ok', 503: 'unavailable' }),
  ),
  '/': page('getService', 'Returns the name and the purpose of this service, and the paths of its documentation', {
    'application/json': { schema: { type: 'object' } },
  }),
  '/openapi.json': page('getApiDescription', 'Returns the OpenAPI description of these routes', {
    'application/json': { schema: { type: 'object' } },
  }),
  '/docs': page('getRoutesPage', 'Returns a web page with these routes', { 'text/html': text }),
  '/docs/errors': page('getErrorsPage', 'Returns a web page with every error code', { 'text/html': text }),
};

function metadata(operationId: string, title: string): PathItem {
  const content = { 'application/json': { schema: { type: 'object' } } };
  return page(operationId, `Returns the broker’s ${title} if the public URL is configured`, content);
}

/** Returns the OpenAPI 3.1 description of the routes for apps. The only setting in it is the public URL. */
export function describeApi(publicUrl: string | undefined) {
  const exchanged = { access_token: z.string(), issued_token_type: z.string(), token_type: z.enum(['Bearer', 'N_A']) };
  const oauthError = { error: z.string(), error_description: z.string(), code: z.string(), request_id: z.string() };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Valet Key',
      version: 'v1',
      description: 'Issues short-lived client tokens of vendors to apps, for the users of your identity provider.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl ?? '/' }],
    security: [{ caller: [] }, { callerWithProof: [] }],
    paths,
    components: {
      securitySchemes: {
        caller: {
          type: 'http',
          scheme: 'bearer',
          description: 'The caller’s own token, which the identity provider issued.',
        },
        callerWithProof: {
          type: 'http',
          scheme: 'DPoP',
          description:
            'The caller’s own token if it is bound to a key, and in the header `DPoP` a proof of that key for each request (RFC 9449). Only for identity providers that the operator lets send such tokens.',
        },
        callerWithoutScheme: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'The caller’s own token without a scheme.',
        },
      },
      schemas: {
        IssueResponse: z.toJSONSchema(issueResponseSchema),
        ExchangeResponse: z.toJSONSchema(issueResponseSchema.extend(exchanged)),
        SessionResponse: z.toJSONSchema(sessionResponseSchema),
        Problem: z.toJSONSchema(problemSchema),
        OAuthError: z.toJSONSchema(z.object(oauthError)),
      },
    },
  };
}
