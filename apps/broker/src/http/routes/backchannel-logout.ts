import { ValetKeyError } from '@valetkey/core-types';
import type { JwtVerifier, LogoutToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import type { Audit } from '../../audit/audit.ts';
import type { Store } from '../../storage/store.ts';
import { addFormRoute } from './form-route.ts';

export const backChannelLogoutPath = '/v1/backchannel-logout';

/** The most logouts that are stored at once. A provider that ends every session sends thousands. */
const maxRunningLogouts = 100;

interface BackChannelLogoutDependencies {
  readonly verifier: Pick<JwtVerifier, 'verifyLogoutToken'>;
  readonly store: Pick<Store, 'recordLogout'>;
  readonly audit: Audit;
  readonly countError: (error: ValetKeyError) => void;
}

/**
 * Adds `POST /v1/backchannel-logout` (OpenID Connect Back-Channel Logout 1.0): an identity provider sends a logout token, and
 * the broker refuses the tokens of that session or user from then on. The response is the same whether or not the broker has
 * seen the user before.
 */
export function addBackChannelLogoutRoute(server: FastifyInstance, dependencies: BackChannelLogoutDependencies): void {
  const { verifier, store, audit, countError } = dependencies;
  const logOut = async (token: LogoutToken, requestId: string): Promise<void> => {
    await audit.assertWritable(requestId);
    if (!(await store.recordLogout(toLogout(token)))) {
      throw new ValetKeyError('invalid_token', 'The logout token was used before.', {
        reason: 'replayed',
        remediation: 'Send each logout token once.',
      });
    }
    const { issuer, subject = '' } = token;
    await audit.record({ requestId, operation: 'logout', issuer, subject, outcome: 'allowed' });
  };
  let running = 0;
  const handler: RouteHandlerMethod = async (request, reply) => {
    // Counted only now, so that forged tokens cannot displace those of a provider.
    const token = await verifier.verifyLogoutToken(readLogoutToken(request.body));
    if (running >= maxRunningLogouts) {
      throw new ValetKeyError('overloaded', 'Too many logouts are being stored.', { retryAfterSeconds: 1 });
    }
    running += 1;
    try {
      await logOut(token, request.id);
    } finally {
      running -= 1;
    }
    return reply.status(200).send();
  };
  addFormRoute(server, backChannelLogoutPath, handler, countError);
}

/** Returns the parameter `logout_token`. Other parameters are ignored, as the specification requires. */
function readLogoutToken(form: unknown): string {
  const [token = '', ...others] = new URLSearchParams(typeof form === 'string' ? form : '').getAll('logout_token');
  if (token !== '' && others.length === 0) return token;
  throw new ValetKeyError('invalid_request', 'The form must have the parameter logout_token exactly once.', {
    remediation: 'Send a logout token as OpenID Connect Back-Channel Logout 1.0 section 2.5 defines it.',
  });
}

function toLogout({ issuer, subject, session, tokenId, ...times }: LogoutToken) {
  return {
    issuer,
    subject,
    session,
    tokenId,
    tokenExpiresAtMs: times.expiresAtSeconds * 1000,
    issuedUntilSeconds: times.issuedAtSeconds,
    keepUntilMs: times.keepUntilSeconds * 1000,
  };
}
