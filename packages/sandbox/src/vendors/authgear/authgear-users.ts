import type { Call } from '../../engine/responses.ts';

/** A user of the simulated Authgear. A user exists from the first sign-in on. */
export interface AuthgearUser {
  readonly sub: string;
  readonly isAnonymous: boolean;
  readonly isVerified: boolean;
  readonly canReauthenticate: boolean;
  readonly roles: readonly string[];
  readonly email?: string | undefined;
}

/** Returns the user that a response is about: with `wrongUser`, a different one. */
export function shownUser(user: AuthgearUser, call: Call): AuthgearUser {
  return call.wrongUser ? { ...user, sub: 'wrong-user', email: undefined } : user;
}

/** Returns the claims by which Authgear describes a user. */
export function userClaims(user: AuthgearUser) {
  return {
    sub: user.sub,
    'https://authgear.com/claims/user/is_anonymous': user.isAnonymous,
    'https://authgear.com/claims/user/is_verified': user.isVerified,
    'https://authgear.com/claims/user/can_reauthenticate': user.canReauthenticate,
  };
}
