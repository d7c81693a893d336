import { requireStringFields } from '../broker-response.ts';
import type { ValetClient } from '../client.ts';
import { ValetError } from '../valet-error.ts';

/** The result of the callback that Vital's `identifyExternalUser` calls. */
export interface VitalAuthenticateRequest {
  type: 'signInToken';
  rawToken: string;
}

/**
 * The part of Vital's Core SDK that this package uses. `VitalCore` of `@tryvital/vital-core-react-native` satisfies it.
 */
export interface VitalCore {
  status(): Promise<Iterable<string>>;
  currentUserId(): Promise<string | null | undefined>;
  signIn(signInToken: string): Promise<unknown>;
  signOut(): Promise<unknown>;
}

async function issueSignInToken(valet: ValetClient) {
  return requireStringFields(await valet.issue('vital'), 'user_id', 'sign_in_token');
}

/**
 * Creates a function that resolves with a new sign-in token for Vital's `signIn`. If the Vital user does not exist, the
 * broker creates it.
 *
 * Sign in only once per installation: Vital's SDK stays signed in when the app is launched again.
 * {@link vitalReconcile} signs in only when it is necessary.
 *
 * @example
 * ```ts
 * import { vitalSignInToken } from '@valetkey/client-sdk';
 *
 * await VitalCore.signIn(await vitalSignInToken(valet)());
 * ```
 */
export function vitalSignInToken(valet: ValetClient): () => Promise<string> {
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
export function vitalAuthenticate(valet: ValetClient): () => Promise<VitalAuthenticateRequest> {
  return async () => ({ type: 'signInToken', rawToken: (await issueSignInToken(valet)).sign_in_token });
}

/** The action of a call: none, a sign-in (perhaps after a sign-out), or a sign-out. See {@link vitalReconcile}. */
export type VitalReconciliation = 'unchanged' | 'signed_in' | 'signed_out';

/**
 * Creates a function that signs the app's user in and out at Vital's SDK. Call it at each launch, sign-in and sign-out.
 *
 * The function compares the user of Vital's SDK with the app's user:
 *
 * - The same user stays signed in, and no token is requested.
 * - Another user is signed out, then the app's user is signed in.
 * - If Vital's SDK is signed in with an API key, or waits for re-authentication, the function signs the same user in
 *   again without a sign-out.
 * - If the app's user is signed out, the function signs out.
 *
 * If Vital's SDK or the broker fails, the function rejects. It never signs out the app's own user because of a failure.
 * Calls run one after another.
 *
 * The function rejects with a {@link ValetError}, or with the error of Vital's SDK.
 *
 * @example
 * ```ts
 * import { vitalReconcile } from '@valetkey/client-sdk';
 *
 * const reconcileVital = vitalReconcile(valet, VitalCore);
 * await reconcileVital();
 * ```
 */
export function vitalReconcile(valet: ValetClient, vital: VitalCore): () => Promise<VitalReconciliation> {
  let previous: Promise<unknown> = Promise.resolve();
  return () => {
    const turn = previous.then(() => reconcile(valet, vital));
    previous = turn.catch(() => undefined);
    return turn;
  };
}

async function reconcile(valet: ValetClient, vital: VitalCore): Promise<VitalReconciliation> {
  const held = await readSignIn(vital);
  const expected = await expectedUserId(valet);
  if (expected === null) {
    if (held === undefined) return 'unchanged';
    await vital.signOut();
    return 'signed_out';
  }

  if (held !== undefined && expected !== undefined) {
    if (!isSameUser(held.userId, expected)) {
      // The sign-out must not depend on a request that can fail: Vital's SDK would record one user's health data for
      // another.
      await vital.signOut();
    } else if (held.isCurrent) return 'unchanged';
  }
  const { user_id, sign_in_token } = await issueSignInToken(valet);
  if (held !== undefined && expected === undefined) {
    if (!isSameUser(held.userId, user_id)) await vital.signOut();
    else if (held.isCurrent) return 'unchanged';
  }
  await vital.signIn(sign_in_token);
  return 'signed_in';
}

/** The user who is signed in at Vital's SDK. */
interface SignIn {
  readonly userId: string;
  /** False if the user signed in with an API key, or if Vital's SDK waits for re-authentication. */
  readonly isCurrent: boolean;
}

async function readSignIn(vital: VitalCore): Promise<SignIn | undefined> {
  const status = new Set(await vital.status());
  if (!status.has('signedIn')) return undefined;
  const userId = await vital.currentUserId();
  if (typeof userId !== 'string' || userId === '') {
    throw new ValetError('response_invalid', "Vital's SDK is signed in but has no user id.", { vendor: 'vital' });
  }
  return { userId, isCurrent: !status.has('useApiKey') && !status.has('pendingReauthentication') };
}

/**
 * Resolves with the Vital user id of the app's user: undefined if the broker does not know it, null if no user is
 * signed in.
 */
async function expectedUserId(valet: ValetClient): Promise<string | null | undefined> {
  try {
    return (await valet.session()).vendors['vital']?.vendor_user_id;
  } catch (error) {
    if (ValetError.isInstance(error) && error.code === 'signed_out') return null;
    throw error;
  }
}

/** Ignores the case of letters, because Vital's iOS SDK writes UUIDs in capital letters. */
function isSameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
