import { issueAnswerSchema, problemSchema, sessionAnswerSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { tokenExchangeGrant } from './exchange-request.ts';

interface Response {
  readonly description: string;
  readonly headers?: object;
  readonly content?: object;
}

/** What one method of one path does. */
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, Response>>;
  readonly security?: readonly object[];
}

type PathItem = Readonly<Record<string, Operation>>;

const reference = (name: string) => ({ schema: { $ref: `#/components/schemas/${name}` } });
const text = { schema: { type: 'string' } };
const json = (name: string) => ({ 'application/json': reference(name) });
const answer = (description: string, content?: object): Response => ({ description, ...(content && { content }) });

const problem: Response = {
  description: 'A failure; `code` says which, and with 429 and 503 `Retry-After` says when to come again.',
  headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } },
  content: { 'application/problem+json': reference('Problem') },
};
const anyone: readonly object[] = [];
const connection = { name: 'connection', in: 'path', required: true, description: 'Such as `nabla`.', ...text };
const scope = { name: 'scope', in: 'query', description: 'Scopes that are needed, with spaces between.', ...text };

const caller = 'Headers with the prefix of the configuration: session-valid, user-id, issuer, scope.';

/** GET and HEAD of one path; HEAD answers the headers alone. */
function readable(operation: Operation): PathItem {
  const { operationId, responses } = operation;
  const headed = Object.entries(responses).map(([status, { description, headers }]) => [
    status,
    { description, ...(headers && { headers }) },
  ]);
  return {
    get: operation,
    head: { ...operation, operationId: `${operationId}Head`, responses: Object.fromEntries(headed) },
  };
}

function proxied(method: string): Operation {
  return {
    operationId: `proxy${method}`,
    summary: 'Calls the vendor on the caller’s behalf, where the operator allows this method and path',
    parameters: [connection, { name: 'path', in: 'path', required: true, description: 'At the vendor.', ...text }],
    responses: { '2XX': answer('What the vendor answered.'), '4XX': answer('Likewise.'), default: problem },
  };
}

const proxyMethods = { get: 'Get', head: 'Head', post: 'Post', put: 'Put', patch: 'Patch', delete: 'Delete' };

const exchangeForm = {
  type: 'object',
  required: ['grant_type', 'subject_token', 'subject_token_type', 'audience'],
  properties: {
    grant_type: { const: tokenExchangeGrant },
    subject_token: { type: 'string', description: 'The caller’s own token.' },
    subject_token_type: { type: 'string', format: 'uri' },
    audience: { type: 'string', description: 'The vendor.' },
    requested_token_type: { type: 'string', format: 'uri' },
  },
};

const paths: Readonly<Record<string, PathItem>> = {
  '/v1/vendors/{connection}/token': {
    post: {
      operationId: 'issueToken',
      summary: 'Issues a client token of the vendor for the caller',
      parameters: [connection],
      requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
      responses: {
        '200': answer('The vendor’s own fields and the envelope; the bare token where text is preferred.', {
          ...json('IssueAnswer'),
          'text/plain': text,
        }),
        default: problem,
      },
    },
  },
  '/v1/vendors/{connection}/proxy/{path}': Object.fromEntries(
    Object.entries(proxyMethods).map(([method, name]) => [method, proxied(name)]),
  ),
  '/v1/session': {
    get: {
      operationId: 'getSession',
      summary: 'Who is calling, and what they may do at which vendor',
      responses: { '200': answer('The session.', json('SessionAnswer')), default: problem },
    },
  },
  '/v1/resolve': readable({
    operationId: 'resolve',
    summary: 'Forward-auth in three states',
    responses: { '200': answer(caller), default: problem },
    security: [{}, { caller: [] }],
  }),
  '/v1/authorize': readable({
    operationId: 'authorize',
    summary: 'Forward-auth for nginx and Caddy',
    parameters: [scope],
    responses: { '204': answer(caller), default: problem },
  }),
  '/oauth2/token': {
    post: {
      operationId: 'exchangeToken',
      summary: 'Issues a client token by token exchange (RFC 8693)',
      requestBody: { required: true, content: { 'application/x-www-form-urlencoded': { schema: exchangeForm } } },
      responses: {
        '200': answer('The issue answer, with the token in the words of OAuth.', json('ExchangeAnswer')),
        default: answer('An error of OAuth (RFC 6749 section 5.2).', json('OAuthError')),
      },
      security: anyone,
    },
  },
  '/.well-known/oauth-authorization-server': metadata('authorizationServer', 'RFC 8414'),
  '/.well-known/oauth-protected-resource': metadata('protectedResource', 'RFC 9728'),
  '/healthz': readable(state('health', 'The process answers')),
  '/readyz': readable(state('readiness', 'It can do its work')),
  '/openapi.json': page('describe', 'This description', { 'application/json': { schema: { type: 'object' } } }),
  '/docs': page('document', 'The routes', { 'text/html': text }),
  '/docs/errors': page('documentErrors', 'Every error code', { 'text/html': text }),
};

function metadata(name: string, standard: string): PathItem {
  const content = { 'application/json': { schema: { type: 'object' } } };
  return page(name, `What the broker is (${standard}), where it knows its public URL`, content);
}

function page(operationId: string, summary: string, content: object): PathItem {
  return {
    get: { operationId, summary, responses: { '200': answer('It.', content), default: problem }, security: anyone },
  };
}

function state(operationId: string, summary: string): Operation {
  const content = { 'application/json': { schema: { type: 'object' } } };
  return {
    operationId,
    summary,
    responses: { '200': answer('Yes.', content), '503': answer('No.', content) },
    security: anyone,
  };
}

/** The description of the app-facing routes, in OpenAPI 3.1. It says nothing of what this broker is configured to. */
export function describeApi(publicUrl: string | undefined) {
  const exchanged = { access_token: z.string(), issued_token_type: z.string(), token_type: z.enum(['Bearer', 'N_A']) };
  const oauthError = { error: z.string(), error_description: z.string(), code: z.string(), request_id: z.string() };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Valet Key',
      version: 'v1',
      description: 'Short-lived credentials of vendors, for those whom your identity provider knows.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl ?? '/' }],
    security: [{ caller: [] }],
    paths,
    components: {
      securitySchemes: {
        caller: { type: 'http', scheme: 'bearer', description: 'The token of the caller’s own identity provider.' },
      },
      schemas: {
        IssueAnswer: z.toJSONSchema(issueAnswerSchema),
        ExchangeAnswer: z.toJSONSchema(issueAnswerSchema.extend(exchanged)),
        SessionAnswer: z.toJSONSchema(sessionAnswerSchema),
        Problem: z.toJSONSchema(problemSchema),
        OAuthError: z.toJSONSchema(z.object(oauthError)),
      },
    },
  };
}
