import { stringFields } from '../answer.ts';
import type { ValetClient } from '../client.ts';
import { ValetError } from '../valet-error.ts';

/** What Vital's `identifyExternalUser` takes from its callback. */
export interface VitalAuthenticateRequest {
  type: 'signInToken';
  rawToken: string;
}

/** What is used of Vital's Core SDK; `VitalCore` of `@tryvital/vital-core-react-native` fits as it is. */
export interface VitalCore {
  status(): Promise<Iterable<string>>;
  currentUserId(): Promise<string | null | undefined>;
  signIn(signInToken: string): Promise<unknown>;
  signOut(): Promise<unknown>;
}

async function issueSignInToken(valet: ValetClient) {
  return stringFields(await valet.issue('vital'), 'user_id', 'sign_in_token');
}

/**
 * Makes a function that answers a new sign-in token for Vital's `signIn`. The broker creates the person's Vital user
 * where there is none.
 *
 * Sign in once: Vital's SDK keeps the sign-in over launches. {@link vitalReconcile} takes care of that.
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
 * Makes the callback of Vital's `identifyExternalUser`, which Vital's SDK calls only when it must sign in.
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

/** What {@link vitalReconcile} did at Vital's SDK. */
export type VitalReconciliation = 'unchanged' | 'signed_in' | 'signed_out';

/**
 * Makes a function that brings Vital's SDK in line with the app's user; call it at each launch, sign-in and sign-out.
 *
 * It compares first and acts on a difference alone: the same user is left as they are without a token being asked for;
 * another user is signed out and the app's user in; a sign-in by API key or one that waits for re-authentication is
 * renewed in place. Calls run one after another. It signs out for two reasons: the app's user is signed out, or Vital
 * holds another user. An SDK or broker that cannot be read rejects and changes nothing.
 *
 * Rejects with a {@link ValetError}, or with whatever Vital's SDK threw.
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
      // Before anything that may fail: one person's health data must not be taken for another's.
      await vital.signOut();
    } else if (held.lasts) return 'unchanged';
  }
  const { user_id, sign_in_token } = await issueSignInToken(valet);
  if (held !== undefined && expected === undefined) {
    if (!isSameUser(held.userId, user_id)) await vital.signOut();
    else if (held.lasts) return 'unchanged';
  }
  await vital.signIn(sign_in_token);
  return 'signed_in';
}

interface SignIn {
  readonly userId: string;
  /** False for a sign-in by API key, and for one that Vital wants renewed. */
  readonly lasts: boolean;
}

async function readSignIn(vital: VitalCore): Promise<SignIn | undefined> {
  const status = new Set(await vital.status());
  if (!status.has('signedIn')) return undefined;
  const userId = await vital.currentUserId();
  if (typeof userId !== 'string' || userId === '') {
    throw new ValetError('answer_invalid', "Vital's SDK is signed in and does not say as whom.", { vendor: 'vital' });
  }
  return { userId, lasts: !status.has('useApiKey') && !status.has('pendingReauthentication') };
}

/** The Vital user of the app's user: undefined while the broker knows none, null when nobody is signed in. */
async function expectedUserId(valet: ValetClient): Promise<string | null | undefined> {
  try {
    return (await valet.session()).vendors['vital']?.vendor_user_id;
  } catch (error) {
    if (ValetError.isInstance(error) && error.code === 'signed_out') return null;
    throw error;
  }
}

/** Vital's iOS SDK writes UUIDs in capitals. */
function isSameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
