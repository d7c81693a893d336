import { checkClient, lookInside } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import { abortedError, type Ending } from '../calls/deadline.ts';
import type { OptionsParameter } from '../client/register.ts';
import { isCode } from '../session/session-errors.ts';
import { ValetError } from '../errors/valet-error.ts';
import { checkVitalCore, openVitalDevice, type SignIn, type VitalCore, type VitalDevice } from './vital-device.ts';
import { parseReconcileOptions, type ParsedReconcileOptions, type VitalReconcileOptions } from './vital-options.ts';
import { issueSignInToken } from './vital.ts';

/** The action of a call: none, a sign-in (perhaps after a sign-out), or a sign-out. See {@link vitalReconcile}. */
export type VitalReconciliation = 'unchanged' | 'signed_in' | 'signed_out';

/**
 * Creates a function that signs the app's user in and out at Vital's SDK. Call it at each launch, sign-in and sign-out.
 *
 * The function compares the user of Vital's SDK with the app's user:
 *
 * - The same user stays signed in, and no token is requested.
 * - Another user is signed out, then the app's user is signed in. If the app has called `signOut` since the user signed in,
 *   the user is signed out before any request to the broker.
 * - If Vital's SDK waits for re-authentication, the function signs the same user in again without a sign-out.
 * - If Vital's SDK is signed in with an API key, the function migrates the same user if `apiKeySession` allows it.
 * - If the app's user is signed out, the function signs out.
 *
 * Vital's SDK holds one user: pass one `connection` for one object of Vital's SDK.
 *
 * If Vital's SDK or the broker fails, the function rejects. It never signs out the app's own user because of a failure.
 * Calls for one object of Vital's SDK run one after another, and each call of the SDK has a time limit.
 *
 * The function rejects with a {@link ValetError}, or with the error of Vital's SDK. Throws a `TypeError` that names an
 * invalid argument.
 *
 * @example
 * ```ts
 * import { vitalReconcile } from '@valetkey/client-sdk';
 *
 * const reconcileVital = vitalReconcile(valet, VitalCore);
 * await reconcileVital();
 * ```
 */
export function vitalReconcile(
  valet: ValetClient,
  vital: VitalCore,
  ...[options = {}]: OptionsParameter<VitalReconcileOptions>
): () => Promise<VitalReconciliation> {
  checkClient(valet, 'vitalReconcile', 'issue', 'session');
  checkVitalCore(vital);
  const parsed = parseReconcileOptions(options);
  const device = openVitalDevice(vital, valet, parsed.timeoutMs);
  return () =>
    device.enqueue(() => {
      const context = { valet, device, options: parsed, session: lookInside(valet).currentSession() };
      return reconcile(context).catch((error: unknown) => {
        if (!isCode(error, 'already_signed_in')) throw error;
        // Another tab, which shares the session, has signed a user in during the call.
        assertNotEnded(context.session);
        return reconcile(context);
      });
    });
}

interface ReconcileContext {
  readonly valet: ValetClient;
  readonly device: VitalDevice;
  readonly options: ParsedReconcileOptions;
  /** The session of the app's user in which the call began. */
  readonly session: Ending;
}

async function reconcile(context: ReconcileContext): Promise<VitalReconciliation> {
  const { device, options, session } = context;
  if (options.configure !== undefined) await device.configure(options.configure);
  let held = await device.readSignIn();
  const found = held;
  if (held !== undefined && isOfEndedSession(device, held)) {
    // The sign-out must not depend on a request that can fail: Vital's SDK would record one user's health data for
    // another.
    await device.signOut();
    held = undefined;
  }
  if (held !== undefined) rememberFirstSight(device, held, session);

  const expected = await fetchExpectedUser(context);
  assertNotEnded(session);
  if (expected === null) {
    if (held !== undefined) await device.signOut();
    return found === undefined ? 'unchanged' : 'signed_out';
  }
  if (held !== undefined) {
    const isOther = isOtherUser(device, held, expected);
    if (isOther === true) {
      assertReplaceable(held, options);
      await device.signOut();
      held = undefined;
    } else if (isOther === false && held.isCurrent) {
      device.holder = { userId: held.userId, principal: expected.principal, session };
      return 'unchanged';
    }
  }
  return signIn(context, held, expected.principal);
}

/** `held` is the sign-in that exists already, of the app's user or of a user that the broker cannot name yet. */
async function signIn(
  { valet, device, options, session }: ReconcileContext,
  held: SignIn | undefined,
  principal: string,
): Promise<VitalReconciliation> {
  if (held?.usesApiKey && options.apiKeySession === undefined && options.replaceUser !== true) {
    throw refused('`apiKeySession` is absent, so its environment and region are unknown', apiKeyRemediation);
  }
  const {
    user_id: userId,
    sign_in_token: token,
    environment,
    region,
  } = await issueSignInToken(valet, options.connection);
  assertNotEnded(session);
  const holder = { userId, principal, session };
  if (held !== undefined && !isSameUser(held.userId, userId)) {
    assertReplaceable(held, options);
    await device.signOut();
  } else if (held?.isCurrent) {
    device.holder = holder;
    return 'unchanged';
  } else if (held?.usesApiKey) assertSamePlace({ environment, region }, options);

  assertNotEnded(session);
  await device.signIn(token, () => void device.enqueue(() => endLateSignIn(device, holder)).catch(() => undefined));
  device.holder = holder;
  if (session.ended) {
    await device.signOut();
    throw abortedError();
  }
  return 'signed_in';
}

/** Ends a sign-in that succeeded after its time limit, if the app has signed its user out since. */
async function endLateSignIn(device: VitalDevice, holder: NonNullable<VitalDevice['holder']>): Promise<void> {
  if (!holder.session.ended) return;
  const held = await device.readSignIn();
  if (held !== undefined && isSameUser(held.userId, holder.userId)) await device.signOut();
}

function assertNotEnded(session: Ending): void {
  if (session.ended) throw abortedError();
}

/** Returns whether the app has called `signOut` since this process signed the user in at Vital. */
function isOfEndedSession({ holder }: VitalDevice, held: SignIn): boolean {
  return holder !== undefined && isSameUser(holder.userId, held.userId) && holder.session.ended;
}

/** Remembers in which session of the app a user of Vital's SDK was seen, even if the broker cannot confirm the user. */
function rememberFirstSight(device: VitalDevice, { userId, usesApiKey }: SignIn, session: Ending): void {
  // The session of an API key is only ever replaced on request.
  if (usesApiKey || (device.holder !== undefined && isSameUser(device.holder.userId, userId))) return;
  device.holder = { userId, principal: undefined, session };
}

interface ExpectedUser {
  readonly principal: string;
  /** The Vital user id of the app's user, if the broker knows it. */
  readonly userId: string | undefined;
}

/** Resolves with the app's user, or with null if no user is signed in. */
async function fetchExpectedUser({ valet, options }: ReconcileContext): Promise<ExpectedUser | null> {
  try {
    const { issuer, subject, vendors } = await valet.session();
    const connection = vendors[options.connection];
    // A user id of another vendor must not make a user of Vital look like another user.
    const userId = connection?.vendor === 'vital' ? connection.vendor_user_id : undefined;
    return { principal: JSON.stringify([issuer, subject]), userId };
  } catch (error) {
    if (isCode(error, 'signed_out')) return null;
    throw error;
  }
}

/** Returns whether another user than the app's is signed in at Vital. Undefined if only a new token can tell. */
function isOtherUser({ holder }: VitalDevice, held: SignIn, expected: ExpectedUser): boolean | undefined {
  if (expected.userId !== undefined) return !isSameUser(held.userId, expected.userId);
  if (holder === undefined || !isSameUser(holder.userId, held.userId)) return undefined;
  return holder.principal === undefined || holder.principal === expected.principal ? undefined : true;
}

/** Ignores the case of letters, because Vital's iOS SDK writes UUIDs in capital letters. */
function isSameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

const apiKeyRemediation =
  'Pass `apiKeySession` with the environment and the region of the API key that earlier versions of the app used.';

function refused(reason: string, remediation: string): ValetError {
  const message = `The device is signed in at Vital with an API key, and ${reason}.`;
  return new ValetError('migration_refused', message, { remediation, vendor: 'vital' });
}

function assertReplaceable(held: SignIn, { replaceUser }: ParsedReconcileOptions): void {
  if (!held.usesApiKey || replaceUser === true) return;
  throw refused(
    "its user is not the app's user",
    "Pass `replaceUser: true` to sign that user out, or correct the app's own mapping of users.",
  );
}

/** Vital migrates a session only within one environment and region, and its SDK does not check it. */
function assertSamePlace(
  issued: { environment: string; region: string },
  { apiKeySession }: ParsedReconcileOptions,
): void {
  if (apiKeySession === undefined) {
    throw refused('`apiKeySession` is absent, so its environment and region are unknown', apiKeyRemediation);
  }
  for (const name of ['environment', 'region'] as const) {
    if (isSameUser(String(issued[name]), apiKeySession[name])) continue;
    const remediation = "Correct `apiKeySession`, or the environment and region in the broker's configuration.";
    throw refused(`its ${name} is not that of the broker's connection`, remediation);
  }
}
