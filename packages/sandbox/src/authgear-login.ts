import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import { z } from 'zod';
import { json, oauthError, type Answer, type Call } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { readDevBody } from './dev-body.ts';
import { nowSeconds } from './simulation.ts';

export const authgearScope = 'openid offline_access https://authgear.com/scopes/full-userinfo';

const devSessionSchema = z.strictObject({
  sub: z.string().min(1),
  client_id: z.string().default(sandboxCredentials.authgear.clientId),
  scope: z.string().default(authgearScope),
  is_anonymous: z.boolean().default(false),
  is_verified: z.boolean().default(true),
  can_reauthenticate: z.boolean().default(true),
  roles: z.array(z.string()).default([]),
  email: z.email().optional(),
});

const devCodeSchema = devSessionSchema.extend({ redirect_uri: z.string().min(1), code_challenge: z.string().min(1) });

/** A user of the simulated Authgear. Whoever signs in comes to be. */
export interface AuthgearUser {
  readonly sub: string;
  readonly isAnonymous: boolean;
  readonly isVerified: boolean;
  readonly canReauthenticate: boolean;
  readonly roles: readonly string[];
  readonly email?: string | undefined;
}

/** Somebody who has signed in at a client. */
export interface AuthgearLogin {
  readonly user: AuthgearUser;
  readonly clientId: string;
  readonly scope: string;
}

const codeLifetimeSeconds = 300;

/** Stands for the login page: whoever is named has signed in. */
export const createAuthgearLogin = (clock: Clock) => {
  const codes = new Map<string, z.output<typeof devCodeSchema> & { readonly endsAt: number }>();

  return {
    /** Signs somebody in at once. */
    logIn: (call: Call): AuthgearLogin | Answer => {
      const body = readDevBody(call, devSessionSchema);
      return 'status' in body ? body : toLogin(body.value);
    },

    /** Signs somebody in and answers a code, as a login page sends it to the redirect URI. */
    issueCode: (call: Call): Answer => {
      const body = readDevBody(call, devCodeSchema);
      if ('status' in body) return body;
      const code = randomBytes(24).toString('base64url');
      const wrong = call.wrongUser && { sub: 'wrong-user', email: undefined };
      codes.set(code, { ...body.value, ...wrong, endsAt: nowSeconds(clock) + codeLifetimeSeconds });
      return json(200, { code, expires_in: codeLifetimeSeconds }, { 'cache-control': 'no-store' });
    },

    /** Redeems a code. It is good once, whatever comes of it. */
    redeemCode: (form: URLSearchParams): AuthgearLogin | Answer => {
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
      return toLogin(code);
    },
  };
};

const toLogin = (body: z.output<typeof devSessionSchema>): AuthgearLogin => ({
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
});
