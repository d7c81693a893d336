import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readAccessToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { z } from 'zod';
import type { CallerRequest, Identify, RecordRefusal } from '../../identity/identify.ts';
import { findRefusingRule } from '../../policy/access.ts';
import { listObserved, type PolicyRules } from '../../policy/policy-rules.ts';
import { originOf } from '../request-rules.ts';
import { addRoute } from '../server.ts';

/** What a caller with a token that is bound to a key can do. A proof names the caller's own request, and not the one that a proxy sends. */
export const forwardedTokenRemediation =
  'Send a bearer token. Forward authentication accepts no token that is bound to a key, because the proof is for another request than the one that the broker receives, and no token of an identity provider that requires bound tokens.';

interface ForwardAuthDependencies {
  readonly identify: Identify;
  /** Called with each refusal by the policy. */
  readonly recordRefusal: RecordRefusal;
  readonly policy: PolicyRules;
  /** The prefix of the response headers. */
  readonly headerPrefix: string;
}

/**
 * Adds `GET|HEAD /v1/resolve`: forward authentication with three states. The response is an empty 200. Its header
 * `<prefix>session-valid` is absent without a token, `true` with a valid token that the policy allows, and `false` with any
 * other token. Responds 503 only if the identity provider, the store or the function of the policy is unavailable, because the
 * caller is not signed out then.
 */
export function addResolveRoute(server: FastifyInstance, dependencies: ForwardAuthDependencies): void {
  const { identify, headerPrefix } = dependencies;
  const headersOf = createSessionHeaders(headerPrefix);
  const handler: RouteHandlerMethod = async (request, reply) => {
    try {
      const caller = { ...originOf(request), token: readForwardedToken(request), operation: 'resolve' } as const;
      const principal = await identify(caller);
      await assertAllowed(dependencies, principal, caller, request);
      reply.headers(headersOf(principal));
    } catch (error) {
      if (!ValetKeyError.isInstance(error) || error.status >= 500) throw error;
      if (error.code !== 'missing_token') reply.header(`${headerPrefix}session-valid`, 'false');
    }
    return reply.send();
  };
  addRoute(server, '/v1/resolve', { GET: handler, HEAD: handler });
}

/**
 * Adds `GET|HEAD /v1/authorize`: forward authentication for nginx `auth_request` and Caddy `forward_auth`. Responds 204
 * with the session headers, 401 without a valid token, and 403 if the policy refuses the principal or the token lacks a scope
 * that the query parameter `scope` names. Headers such as `X-Forwarded-Uri` are ignored, because a caller can forge them.
 */
export function addAuthorizeRoute(server: FastifyInstance, dependencies: ForwardAuthDependencies): void {
  const { identify, headerPrefix } = dependencies;
  const headersOf = createSessionHeaders(headerPrefix);
  const handler: RouteHandlerMethod = async (request, reply) => {
    const required = parseScopes(request.query);
    const caller = { ...originOf(request), token: readToken(request), operation: 'authorize' } as const;
    const principal = await identify(caller);
    await assertAllowed(dependencies, principal, caller, request, required);
    reply.headers(headersOf(principal));
    return reply.status(204).send();
  };
  addRoute(server, '/v1/authorize', { GET: handler, HEAD: handler });
}

/**
 * Rejects unless the token has the required scopes and the policy allows the principal, and records that refusal. Logs each
 * rule that only observes and would have refused.
 */
async function assertAllowed(
  { policy, recordRefusal }: ForwardAuthDependencies,
  principal: Principal,
  caller: CallerRequest & { readonly operation: 'authorize' | 'resolve' },
  { log }: FastifyRequest,
  required: readonly string[] = [],
): Promise<void> {
  const { operation } = caller;
  const { issuer, subject } = principal;
  try {
    const missing = required.filter((scope) => !principal.scopes.includes(scope));
    if (missing.length > 0) {
      throw new ValetKeyError('forbidden', 'The token lacks a required scope.', {
        reason: `scope: ${missing.join(', ')}`,
        remediation: `Request a token with the scopes: ${required.join(' ')}.`,
      });
    }
    const refusing = findRefusingRule(policy.enforced, principal, operation);
    if (refusing !== undefined) throw refusing.refusal();
    for (const rule of listObserved(policy.observed, principal, operation)) {
      log.warn({ operation, issuer, subject, rule }, 'would be refused');
    }
    if (policy.assertDecided !== undefined) await policy.assertDecided({ principal, operation });
  } catch (error) {
    if (ValetKeyError.isInstance(error)) await recordRefusal(principal, caller, error);
    throw error;
  }
}

/** Reads the bearer token. Throws `invalid_token` for a token with the scheme `DPoP`. */
function readForwardedToken({ headers }: FastifyRequest): string {
  const { scheme, token } = readAccessToken(headers.authorization);
  if (scheme === 'Bearer') return token;
  throw new ValetKeyError('invalid_token', 'Forward authentication does not accept the scheme DPoP.', {
    reason: 'bound_token',
    remediation: forwardedTokenRemediation,
  });
}

/** Reads the bearer token. A malformed header is a 401 here, because nginx turns any error except 401 and 403 into a 500. */
function readToken(request: FastifyRequest): string {
  try {
    return readForwardedToken(request);
  } catch (error) {
    if (ValetKeyError.isInstance(error) && error.code === 'invalid_request') {
      throw new ValetKeyError('invalid_token', error.message, { reason: error.reason });
    }
    throw error;
  }
}

const querySchema = z.strictObject({
  /** Scopes in OAuth's notation (RFC 6749 section 3.3), separated by spaces. */
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/)
    .optional(),
});

/** Returns the scopes that the proxy requires. An unknown parameter is refused; ignoring `scopes=` would require no scope. */
function parseScopes(query: unknown): readonly string[] {
  const { data, success } = querySchema.safeParse(query);
  if (!success)
    throw new ValetKeyError('invalid_request', 'The query accepts only `scope`: scopes separated by spaces.');
  return data.scope?.split(' ') ?? [];
}

/**
 * Returns the function that describes a principal in headers. The verifier returns one object for each request with the same
 * token, so the headers of that object are remembered: to write them took 5 % of a request.
 */
function createSessionHeaders(prefix: string): (principal: Principal) => Record<string, string> {
  const remembered = new WeakMap<Principal, Record<string, string>>();
  return (principal) => {
    const known = remembered.get(principal);
    if (known !== undefined) return known;
    const headers = {
      [`${prefix}session-valid`]: 'true',
      [`${prefix}user-id`]: toHeaderText(principal.subject),
      [`${prefix}issuer`]: toHeaderText(principal.issuer),
      [`${prefix}scope`]: principal.scopes.map(toHeaderText).join(' '),
    };
    remembered.set(principal, headers);
    return headers;
  };
}

/**
 * Percent-encodes the percent sign and everything except printable ASCII, so that two different texts never become equal and no
 * text can begin a new header line.
 */
function toHeaderText(text: string): string {
  return text.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
}
