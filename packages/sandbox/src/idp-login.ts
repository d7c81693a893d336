import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import { oauthError, type Answer, type Call } from './answer.ts';
import { nowSeconds } from './simulation.ts';

/** Somebody who has signed in at a client of the identity provider. */
export interface IdpLogin {
  readonly sub: string;
  readonly clientId: string;
  readonly scope: string;
  readonly nonce: string | undefined;
}

interface PendingLogin extends IdpLogin {
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly endsAt: number;
}

const codeLifetimeSeconds = 60;

/**
 * The authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636) of a provider whose login page signs everybody
 * in at once: as the `login_hint`, or as alice. Every client is known to it, with every redirect URI.
 */
export const createIdpLogin = (clock: Clock, issuer: () => string) => {
  const pending = new Map<string, PendingLogin>();

  return {
    authorize: ({ query, wrongUser }: Call): Answer => {
      const redirectUri = query.get('redirect_uri') ?? '';
      const clientId = query.get('client_id') ?? '';
      if (!URL.canParse(redirectUri) || clientId === '') return oauthError('invalid_request', 'unknown redirect URI');

      const redirect = (parameters: Readonly<Record<string, string>>): Answer => {
        const location = new URL(redirectUri);
        const state = query.get('state');
        const all = { ...parameters, iss: issuer(), ...(state !== null && { state }) };
        for (const [name, value] of Object.entries(all)) location.searchParams.set(name, value);
        return { status: 302, headers: { location: location.href } };
      };

      const codeChallenge = query.get('code_challenge');
      if (query.get('response_type') !== 'code') return redirect({ error: 'unsupported_response_type' });
      if (codeChallenge === null || query.get('code_challenge_method') !== 'S256') {
        return redirect({ error: 'invalid_request', error_description: 'PKCE with S256 is needed' });
      }
      const code = randomBytes(24).toString('base64url');
      pending.set(code, {
        sub: wrongUser ? 'wrong-user' : (query.get('login_hint') ?? 'alice'),
        clientId,
        scope: query.get('scope') ?? 'openid',
        nonce: query.get('nonce') ?? undefined,
        redirectUri,
        codeChallenge,
        endsAt: nowSeconds(clock) + codeLifetimeSeconds,
      });
      return redirect({ code });
    },

    /** Redeems a code. It is good once, whatever comes of it. */
    redeemCode: (form: URLSearchParams): IdpLogin | Answer => {
      if (form.get('grant_type') !== 'authorization_code') return oauthError('unsupported_grant_type');
      const code = form.get('code') ?? '';
      const login = pending.get(code);
      pending.delete(code);
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      const matches =
        login !== undefined &&
        login.endsAt > nowSeconds(clock) &&
        login.clientId === form.get('client_id') &&
        login.redirectUri === form.get('redirect_uri') &&
        login.codeChallenge === challenge;
      return matches ? login : oauthError('invalid_grant');
    },
  };
};
