import { requireStringFields } from '../answer.ts';
import type { ValetClient } from '../client.ts';
import { ValetError } from '../valet-error.ts';

/** What Vital's `identifyExternalUser` expects from its callback. */
export interface VitalAuthenticateRequest {
  type: 'signInToken';
  rawToken: string;
}

/** The part of Vital's Core SDK that this package uses. `VitalCore` of `@tryvital/vital-core-react-native` satisfies it. */
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
 * Creates a function that resolves with a new sign-in token for Vital's `signIn`. The broker creates the Vital user if it
 * does not exist.
 *
 * Sign in once: Vital's SDK keeps the sign-in across launches. {@link vitalReconcile} does this for you.
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

/** What {@link vitalReconcile} did with Vital's SDK. */
export type VitalReconciliation = 'unchanged' | 'signed_in' | 'signed_out';

/**
 * Creates a function that signs the app's user in and out at Vital's SDK. Call it at each launch, sign-in and sign-out.
 *
 * It compares first and acts only on a difference. The same user stays signed in, without a request for a token. Another
 * user is signed out and the app's user signed in. A sign-in by API key, or one that waits for re-authentication, is
 * renewed in place. Calls run one after another. It signs out for two reasons only: the app's user is signed out, or
 * Vital's SDK holds another user. If the SDK or the broker fails, it rejects and changes nothing.
 *
 * Rejects with a {@link ValetError}, or with the error of Vital's SDK.
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
      // This comes before anything that can fail: health data of one user must not be recorded for another.
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
  /** False for a sign-in by API key, and for one that waits for re-authentication. */
  readonly lasts: boolean;
}

async function readSignIn(vital: VitalCore): Promise<SignIn | undefined> {
  const status = new Set(await vital.status());
  if (!status.has('signedIn')) return undefined;
  const userId = await vital.currentUserId();
  if (typeof userId !== 'string' || userId === '') {
    throw new ValetError('answer_invalid', "Vital's SDK is signed in but has no user id.", { vendor: 'vital' });
  }
  return { userId, lasts: !status.has('useApiKey') && !status.has('pendingReauthentication') };
}

/** Resolves with the Vital user id of the app's user: undefined if the broker knows none, null if no user is signed in. */
async function expectedUserId(valet: ValetClient): Promise<string | null | undefined> {
  try {
    return (await valet.session()).vendors['vital']?.vendor_user_id;
  } catch (error) {
    if (ValetError.isInstance(error) && error.code === 'signed_out') return null;
    throw error;
  }
}

/** Compares without case, because Vital's iOS SDK writes UUIDs in capitals. */
function isSameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
