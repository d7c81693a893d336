import { lookInside, neverEnding } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import { settleWithin, type Ending } from '../calls/deadline.ts';
import { ValetError } from '../errors/valet-error.ts';

/**
 * The part of Vital's Core SDK that this package uses. `VitalCore` of `@tryvital/vital-core-react-native` satisfies it.
 */
export interface VitalCore {
  status(): Promise<Iterable<string>>;
  currentUserId(): Promise<string | null | undefined>;
  signIn(signInToken: string): Promise<unknown>;
  signOut(): Promise<unknown>;
}

/** Throws a `TypeError` unless `vital` has the functions of Vital's Core SDK, which may be a class. */
export function checkVitalCore(vital: unknown): void {
  const functions = (typeof vital === 'object' || typeof vital === 'function' ? vital : null) as Record<
    string,
    unknown
  > | null;
  for (const name of ['status', 'currentUserId', 'signIn', 'signOut']) {
    if (typeof functions?.[name] === 'function') continue;
    throw new TypeError(`vitalReconcile: the second argument must have the function \`${name}\` of Vital's Core SDK.`);
  }
}

/** The user of Vital's SDK, and what this process knows about the user. */
export interface Holder {
  readonly userId: string;
  /** The issuer and subject of the app's user, if the broker has confirmed that it is the same user. */
  readonly principal: string | undefined;
  /** The session in which this process saw the user first. It has ended if the app has called `signOut` since. */
  readonly session: Ending;
}

/** What this process knows about one object of Vital's SDK. The SDK stores the rest. */
interface DeviceState {
  /** Settles when the last call in the queue has settled. */
  lastTurn: Promise<unknown>;
  isConfigured: boolean;
  holder: Holder | undefined;
}

const stateOf = new WeakMap<VitalCore, DeviceState>();

/** The user who is signed in at Vital's SDK. */
export interface SignIn {
  readonly userId: string;
  readonly usesApiKey: boolean;
  /** False if the user signed in with an API key, or if Vital's SDK waits for re-authentication. */
  readonly isCurrent: boolean;
}

/** Vital's SDK with a time limit for each call, and one queue for all its callers. */
export interface VitalDevice {
  holder: Holder | undefined;
  /** Runs `task` after all earlier tasks of this SDK, even those of another client. */
  readonly enqueue: <Result>(task: () => Promise<Result>) => Promise<Result>;
  /** Calls `configure` once, before any other call. */
  readonly configure: (configure: () => unknown) => Promise<void>;
  readonly readSignIn: () => Promise<SignIn | undefined>;
  /** `onLate` is called if the sign-in succeeds after its time limit. */
  readonly signIn: (signInToken: string, onLate: () => void) => Promise<void>;
  readonly signOut: () => Promise<void>;
}

export function openVitalDevice(vital: VitalCore, valet: ValetClient, timeLimitMs?: number): VitalDevice {
  const state = stateOf.get(vital) ?? { lastTurn: Promise.resolve(), isConfigured: false, holder: undefined };
  stateOf.set(vital, state);
  const { clock, timeoutMs } = lookInside(valet);
  const callNative = <Result>(name: string, call: () => Result | Promise<Result>, onLate?: () => void) => {
    const deadline = { clock, timeoutMs: timeLimitMs ?? timeoutMs, ending: neverEnding };
    return settleWithin({ ...deadline, what: `\`${name}\` of Vital's SDK` }, async ({ signal }) => {
      const result = await call();
      if (signal.aborted) onLate?.();
      return result;
    });
  };

  return {
    get holder() {
      return state.holder;
    },
    set holder(holder) {
      state.holder = holder;
    },
    enqueue: (task) => {
      const turn = state.lastTurn.then(task);
      state.lastTurn = turn.catch(() => undefined);
      return turn;
    },
    configure: async (configure) => {
      if (state.isConfigured) return;
      await callNative('configure', configure);
      state.isConfigured = true;
    },
    readSignIn: async () => {
      const status = parseStatus(await callNative('status', () => vital.status()));
      if (!status.has('signedIn')) return undefined;
      const userId = await callNative('currentUserId', () => vital.currentUserId());
      if (typeof userId !== 'string' || userId === '') throw unreadable('is signed in but has no user id');
      const usesApiKey = status.has('useApiKey');
      return { userId, usesApiKey, isCurrent: !usesApiKey && !status.has('pendingReauthentication') };
    },
    signIn: async (signInToken, onLate) => {
      await callNative('signIn', () => vital.signIn(signInToken), onLate);
    },
    signOut: async () => {
      await callNative('signOut', () => vital.signOut());
      state.holder = undefined;
    },
  };
}

function parseStatus(status: unknown): ReadonlySet<unknown> {
  // A status that cannot be read must not look like a signed-out one.
  if (typeof status !== 'object' || status === null || !(Symbol.iterator in status)) {
    throw unreadable('returned a status that is not a list');
  }
  return new Set(status as Iterable<unknown>);
}

function unreadable(what: string): ValetError {
  return new ValetError('response_invalid', `Vital's SDK ${what}.`, { vendor: 'vital' });
}
