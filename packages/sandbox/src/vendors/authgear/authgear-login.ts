import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import { z } from 'zod';
import { jsonResponse, oauthError, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import { parseSandboxBody } from '../../engine/sandbox-body.ts';
import type { AuthgearUser } from './authgear-users.ts';

export const authgearScope = 'openid offline_access https://authgear.com/scopes/full-userinfo';

/** A user who has signed in at a client. */
export interface AuthgearLogin {
  readonly user: AuthgearUser;
  readonly clientId: string;
  readonly scope: string;
  /** The `nonce` of the authorization request, which only the first ID token contains. */
  readonly nonce?: string | undefined;
}

const codeLifetimeSeconds = 300;

/** Replaces the login page: a request names the user who signs in. `defaultClientId` is used if it names no client. */
export function createAuthgearLogin(clock: Clock, defaultClientId: string) {
  const devSessionSchema = createDevSessionSchema(defaultClientId);
  const devCodeSchema = devSessionSchema.extend({
    redirect_uri: z.string().min(1),
    code_challenge: z.string().min(1),
    nonce: z.string().min(1).optional(),
  });
  const codes = new Map<string, z.output<typeof devCodeSchema> & { readonly endsAt: number }>();

  /** Signs the user in without a code. */
  function logIn(call: Call): AuthgearLogin | SimulatedResponse {
    const body = parseSandboxBody(call, devSessionSchema);
    return 'status' in body ? body : toLogin(body.value);
  }

  /** Signs the user in and returns a code, which a login page would send to the redirect URI. */
  function issueCode(call: Call): SimulatedResponse {
    const body = parseSandboxBody(call, devCodeSchema);
    if ('status' in body) return body;
    const code = randomBytes(24).toString('base64url');
    const wrong = call.wrongUser && { sub: 'wrong-user', email: undefined };
    codes.set(code, { ...body.value, ...wrong, endsAt: nowSeconds(clock) + codeLifetimeSeconds });
    return jsonResponse(200, { code, expires_in: codeLifetimeSeconds }, { 'cache-control': 'no-store' });
  }

  /** Redeems a code. A code is used up by the first attempt, whether or not it succeeds. */
  function redeemCode(form: URLSearchParams): AuthgearLogin | SimulatedResponse {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    if (code === undefined || code.endsAt <= nowSeconds(clock)) return oauthError('invalid_grant', 'invalid code');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (code.client_id !== form.get('client_id')) {
      return oauthError('invalid_request', "client id doesn't match the code");
    }
    if (code.redirect_uri !== form.get('redirect_uri')) return oauthError('invalid_request', 'invalid redirect URI');
    if (code.code_challenge !== challenge) return oauthError('invalid_grant', 'invalid code verifier');
    return { ...toLogin(code), nonce: code.nonce };
  }

  return { logIn, issueCode, redeemCode };
}

function createDevSessionSchema(defaultClientId: string) {
  return z.strictObject({
    sub: z.string().min(1),
    client_id: z.string().default(defaultClientId),
    scope: z.string().default(authgearScope),
    is_anonymous: z.boolean().default(false),
    is_verified: z.boolean().default(true),
    can_reauthenticate: z.boolean().default(true),
    roles: z.array(z.string()).default([]),
    email: z.email().optional(),
  });
}

function toLogin(body: z.output<ReturnType<typeof createDevSessionSchema>>): AuthgearLogin {
  return {
    clientId: body.client_id,
    scope: body.scope,
    user: {
      sub: body.sub,
      isAnonymous: body.is_anonymous,
      isVerified: body.is_verified,
      canReauthenticate: body.can_reauthenticate,
      roles: body.roles,
      email: body.email,
    },
  };
}
