import { requireStringFields } from '../client/broker-response.ts';
import { checkClient } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import type { ConnectionOption, OptionsParameter } from '../client/register.ts';
import { parseConnection } from './connection.ts';
import type { VitalResponse } from '../client/vendor-responses.ts';

/** The result of the callback that Vital's `identifyExternalUser` calls. */
export interface VitalAuthenticateRequest {
  type: 'signInToken';
  rawToken: string;
}

/** The options of {@link vitalSignInToken} and {@link vitalAuthenticate}. */
export interface VitalSignInTokenOptions extends ConnectionOption<'vital'> {}

/** Resolves with a new sign-in token, its user, and the environment and the region in which it works. */
export async function issueSignInToken(valet: ValetClient, connection: string) {
  const response = await valet.issue<VitalResponse>(connection);
  const { environment, region } = response;
  return { ...requireStringFields(response, 'user_id', 'sign_in_token'), environment, region };
}

/**
 * Creates a function that resolves with a new sign-in token for Vital's `signIn`. If the Vital user does not exist, the
 * broker creates it.
 *
 * Sign in only once per installation: Vital's SDK stays signed in when the app is launched again.
 * `vitalReconcile` signs in only when it is necessary. Throws a `TypeError` that names an invalid argument.
 *
 * @example
 * ```ts
 * import { vitalSignInToken } from '@valetkey/client-sdk';
 *
 * await VitalCore.signIn(await vitalSignInToken(valet)());
 * ```
 */
export function vitalSignInToken(
  valet: ValetClient,
  ...[options = {}]: OptionsParameter<VitalSignInTokenOptions>
): () => Promise<string> {
  checkClient(valet, 'vitalSignInToken', 'issue');
  const [connection] = parseConnection('vitalSignInToken', 'vital', options);
  return async () => (await issueSignInToken(valet, connection)).sign_in_token;
}

/**
 * Creates the callback of Vital's `identifyExternalUser`, which Vital's SDK calls only when it must sign in. Throws a
 * `TypeError` that names an invalid argument.
 *
 * @example
 * ```ts
 * import { vitalAuthenticate } from '@valetkey/client-sdk';
 *
 * await VitalCore.identifyExternalUser(userId, vitalAuthenticate(valet));
 * ```
 */
export function vitalAuthenticate(
  valet: ValetClient,
  ...[options = {}]: OptionsParameter<VitalSignInTokenOptions>
): () => Promise<VitalAuthenticateRequest> {
  checkClient(valet, 'vitalAuthenticate', 'issue');
  const [connection] = parseConnection('vitalAuthenticate', 'vital', options);
  return async () => ({ type: 'signInToken', rawToken: (await issueSignInToken(valet, connection)).sign_in_token });
}
