import { requireStringFields } from '../broker-response.ts';
import { checkClient } from '../client-inside.ts';
import type { ClientFor, ValetClient } from '../client.ts';

/** The result of the callback that Vital's `identifyExternalUser` calls. */
export interface VitalAuthenticateRequest {
  type: 'signInToken';
  rawToken: string;
}

/** Resolves with a new sign-in token, its user, and the environment and the region in which it works. */
export async function issueSignInToken(valet: ValetClient) {
  const response = await valet.issue('vital');
  const { environment, region } = response;
  return { ...requireStringFields(response, 'user_id', 'sign_in_token'), environment, region };
}

/**
 * Creates a function that resolves with a new sign-in token for Vital's `signIn`. If the Vital user does not exist, the
 * broker creates it.
 *
 * Sign in only once per installation: Vital's SDK stays signed in when the app is launched again.
 * `vitalReconcile` signs in only when it is necessary.
 *
 * @example
 * ```ts
 * import { vitalSignInToken } from '@valetkey/client-sdk';
 *
 * await VitalCore.signIn(await vitalSignInToken(valet)());
 * ```
 */
export function vitalSignInToken(valet: ClientFor<'vital'>): () => Promise<string> {
  checkClient(valet, 'vitalSignInToken', 'issue');
  return async () => (await issueSignInToken(valet)).sign_in_token;
}

/**
 * Creates the callback of Vital's `identifyExternalUser`, which Vital's SDK calls only when it must sign in.
 *
 * @example
 * ```ts
 * import { vitalAuthenticate } from '@valetkey/client-sdk';
 *
 * await VitalCore.identifyExternalUser(userId, vitalAuthenticate(valet));
 * ```
 */
export function vitalAuthenticate(valet: ClientFor<'vital'>): () => Promise<VitalAuthenticateRequest> {
  checkClient(valet, 'vitalAuthenticate', 'issue');
  return async () => ({ type: 'signInToken', rawToken: (await issueSignInToken(valet)).sign_in_token });
}
