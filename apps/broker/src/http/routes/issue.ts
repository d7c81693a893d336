import {
  assertExposable,
  Secret,
  ValetKeyError,
  type Clock,
  type ExchangedToken,
  type ExposableToken,
  type IssueResponse,
  type Vendor,
} from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import Negotiator from 'negotiator';
import type { Identify } from '../../identity/identify.ts';
import { issueClientToken } from '../../vendors/issue-token.ts';
import type { Connections } from '../../vendors/connections.ts';
import type { Perform } from '../../vendors/perform.ts';
import { authenticateWith, operationOf, principalOf, type ReadCredentials } from '../request-rules.ts';
import { addRoute } from '../server.ts';
import { issuesToGet, readCredentialsOfGet, refuseParametersOfGet } from './get-token.ts';

interface IssueRouteDependencies {
  readonly identify: Identify;
  readonly readCredentials: ReadCredentials;
  readonly connections: Connections;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly clock: Clock;
}

/**
 * Adds `POST /v1/vendors/{connection}/token`, which issues a client token for the principal, and `GET` on the same path for
 * vendors whose tokens are bound to the account.
 */
export function addIssueRoute(server: FastifyInstance, dependencies: IssueRouteDependencies): void {
  const { identify, connections, perform, tokens, clock } = dependencies;
  // Only with GET, the token may be without a scheme.
  const readCredentials: ReadCredentials = (request) =>
    request.method === 'GET'
      ? readCredentialsOfGet(request, dependencies.readCredentials)
      : dependencies.readCredentials(request);
  const issue: RouteHandlerMethod = async (request, reply) => {
    const { connection: name } = request.params as { connection: string };
    const principal = principalOf(request);
    const operation = operationOf(request, name, readCredentials);
    const { type, body } = await perform(operation, 'issue', async (connection, recordChange) => {
      if (request.method === 'GET') refuseParametersOfGet(request);
      const plainTextField = choosePlainTextField(connection.vendor, request.headers.accept, request.method);
      const { result: token, vendorUserId } = await issueClientToken(
        connection,
        principal,
        request.body,
        tokens,
        recordChange,
      );
      const encoded = encodeIssuedToken(token, plainTextField, { connection: name, nowMs: clock.nowMs() });
      return { result: encoded, vendorUserId };
    });
    return reply.type(type).send(body);
  };
  addRoute(
    server,
    '/v1/vendors/:connection/token',
    { GET: issue, POST: issue },
    authenticateWith(identify, 'issue', readCredentials),
    { GET: (request) => issuesToGet(request, connections) },
  );
}

/** The encoded response with a client token. Its encoders do not compile with a server token. */
export interface EncodedToken {
  readonly type: 'application/json' | 'text/plain; charset=utf-8';
  readonly body: string;
}

/** The connection of a token and the time when it was issued. */
export interface IssueContext {
  readonly connection: string;
  readonly nowMs: number;
}

const mediaTypes = ['application/json', 'text/plain'];

/**
 * Returns the name of the token field to send as `text/plain`, or undefined for JSON. A caller that prefers neither receives
 * JSON from POST. From GET it receives text if the vendor's token can be text, because samples of vendors that use GET read the
 * body as the token. Throws `invalid_request` if the caller prefers text and the token cannot be text. It is called before
 * the vendor is called.
 */
export function choosePlainTextField(
  { id, issue }: Vendor,
  accept: string | undefined,
  method: string,
): string | undefined {
  if (issue === undefined) return undefined;
  const prefersText = method === 'GET' && issue.plainTextField !== undefined;
  const offered = prefersText ? mediaTypes.toReversed() : mediaTypes;
  const hasPreference = accept !== undefined && accept !== '*/*';
  const preferred = hasPreference ? new Negotiator({ headers: { accept } }).mediaType(offered) : undefined;
  if ((preferred ?? offered[0]) !== 'text/plain') return undefined;
  if (issue.plainTextField !== undefined) return issue.plainTextField;
  throw new ValetKeyError(
    'invalid_request',
    `A token of ${id} has several fields, so it cannot be sent as plain text.`,
    {
      vendor: id,
      remediation: 'Send `Accept: application/json`.',
    },
  );
}

/** Returns the response to an issue request: the vendor's own fields and the common ones as JSON, or one field as text. */
export function encodeIssuedToken(
  token: ExposableToken,
  plainTextField: string | undefined,
  context: IssueContext,
): EncodedToken {
  assertExposable(token);
  if (plainTextField === undefined) {
    return { type: 'application/json', body: JSON.stringify(toIssueResponse(token, context)) };
  }
  return { type: 'text/plain; charset=utf-8', body: readField(token, plainTextField) };
}

/** Returns the response to a token exchange (RFC 8693 section 2.2.1): the issue response and the fields of OAuth. */
export function encodeExchangedToken(
  token: ExposableToken,
  exchanged: ExchangedToken & { readonly asksForScope: boolean },
  context: IssueContext,
): string {
  assertExposable(token);
  return JSON.stringify({
    ...toIssueResponse(token, context),
    access_token: readField(token, exchanged.field),
    issued_token_type: exchanged.issuedTokenType,
    token_type: exchanged.tokenType,
    // A vendor's token has none of the requested scopes, and OAuth requires that the response states such a difference.
    ...(exchanged.asksForScope && { scope: '' }),
  });
}

const textOf = (field: string | Secret): string => (field instanceof Secret ? field.reveal() : field);

function readField({ vendor, fields }: ExposableToken, name: string): string {
  const field = fields[name];
  if (field === undefined) throw new ValetKeyError('internal', `${vendor} issued a token without the field ${name}.`);
  return textOf(field);
}

function toIssueResponse(token: ExposableToken, { connection, nowMs }: IssueContext): IssueResponse {
  const { vendor, vendorUserId, expiresInSeconds, singleUse, fields } = token;
  return {
    ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, textOf(field)])),
    vendor,
    connection,
    ...(vendorUserId !== undefined && { vendor_user_id: vendorUserId }),
    ...(expiresInSeconds !== undefined && {
      expires_in: expiresInSeconds,
      expires_at: isoAt(nowMs + expiresInSeconds * 1000),
      // A client keeps a token until then.
      ...(singleUse !== true && { refresh_after: Math.floor(expiresInSeconds * 0.8) }),
    }),
    server_time: isoAt(nowMs),
  };
}

const isoAt = (ms: number): string => new Date(ms).toISOString();
