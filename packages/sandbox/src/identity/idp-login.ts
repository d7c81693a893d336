import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import { oauthError, type Call, type SimulatedResponse } from '../engine/responses.ts';
import { nowSeconds } from '../engine/now-seconds.ts';
import type { IdpLogin } from './idp-tokens.ts';

interface PendingLogin extends IdpLogin {
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly endsAt: number;
}

const codeLifetimeSeconds = 60;

/**
 * Simulates the authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636). The login page signs the user in at
 * once, as the `login_hint` or as alice. Every client id and every redirect URI is accepted.
 */
export function createIdpLogin(clock: Clock, issuer: () => string) {
  const pending = new Map<string, PendingLogin>();

  function authorize({ query, wrongUser }: Call): SimulatedResponse {
    const redirectUri = query.get('redirect_uri') ?? '';
    const clientId = query.get('client_id') ?? '';
    if (!URL.canParse(redirectUri) || clientId === '') return oauthError('invalid_request', 'unknown redirect URI');

    const state = query.get('state');
    const redirect = (parameters: Readonly<Record<string, string>>) =>
      redirectTo(redirectUri, { ...parameters, iss: issuer(), ...(state !== null && { state }) });

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
  }

  /** Redeems a code. A code is used up by the first attempt, whether or not it succeeds. */
  function redeemCode(form: URLSearchParams): IdpLogin | SimulatedResponse {
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
  }

  return { authorize, redeemCode };
}

function redirectTo(uri: string, parameters: Readonly<Record<string, string>>): SimulatedResponse {
  const location = new URL(uri);
  for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value);
  return { status: 302, headers: { location: location.href } };
}
