import { parseCallOptions } from '../checks/arguments.ts';
import { neverEnding } from '../calls/client-inside.ts';
import { abortedError, settleWithin } from '../calls/deadline.ts';
import { createCoolDown } from './cool-down.ts';
import { renew, usableToken } from './renewal.ts';
import { assertCurrent, createEra, showEra, type Era, type SessionContext } from './session-context.ts';
import { alreadySignedInError, asValetError, isCode, storageError } from './session-errors.ts';
import { checkVendor, parseSessionOptions, type ParsedSessionOptions } from './session-options.ts';
import type { SessionRecord } from './session-record.ts';
import { createShownState } from './session-state.ts';
import { StoredSession } from './stored-session.ts';
import { keep, request, revoke, runInTurn } from './turn.ts';
import type {
  AccessTokenOptions,
  Session,
  SessionCallOptions,
  SessionOptions,
  SessionState,
  SessionVendor,
} from './session-types.ts';

/**
 * Creates the session of one user at one vendor. The vendor says how a session begins and is refreshed; everything else is
 * the same for all: one refresh at a time in all tabs, a sign-out that always wins, and failures that never sign out.
 *
 * Throws a `TypeError` that names an invalid option.
 *
 * @example
 * ```ts
 * import { createSession, memoryStorage } from '@valetkey/client-sdk/session';
 *
 * const session = createSession(acme, { storage: memoryStorage() });
 * await session.signIn(ticket);
 * const token = await session.accessToken();
 * ```
 */
export function createSession<Ticket>(vendor: SessionVendor<Ticket>, options: SessionOptions): Session<Ticket> {
  checkVendor(vendor);
  const parsed = parseSessionOptions(options, 'createSession');
  const { storage, clock, serverTimeOffsetMs } = parsed;
  const key = `valetkey.session.${vendor.name}`;
  const coolDown = createCoolDown(clock);
  const shown = createShownState();
  let era = createEra();
  const endEra = (isEndedElsewhere: boolean) => {
    const ending = era;
    era = createEra();
    coolDown.end();
    ending.isEndedElsewhere = isEndedElsewhere;
    ending.end();
  };
  const stored: StoredSession = new StoredSession({
    storage,
    key,
    clock,
    offsetMs: serverTimeOffsetMs,
    onRead: (before, isFirst) => {
      const record = stored.held?.record;
      // Another tab signed out, and perhaps another user in.
      if (before !== undefined && before.record.id !== record?.id) endEra(true);
      shown.show(record, isFirst ? 'restored' : 'elsewhere');
    },
  });
  const context: SessionContext<Ticket> = {
    ...parsed,
    vendor,
    key,
    stored,
    coolDown,
    currentEra: () => era,
    showState: (reason) => shown.show(stored.held?.record, reason),
  };

  const session: Session<Ticket> = {
    get state(): SessionState {
      return shown.current();
    },
    onStateChange: shown.onChange,
    load: async () => {
      await accessWithin(parsed, () => stored.readIfDue());
      return shown.current();
    },
    ...createSessionCalls(context),
    signOut: async () => {
      const former = stored.held?.record;
      stored.drop();
      endEra(false);
      shown.show(undefined, 'signed_out');
      await eraseAndRevoke(context, former);
    },
    close: () => stored.close(),
  };
  return Object.freeze(showEra(session, context.currentEra));
}

/** Creates the functions of a session that send requests. */
function createSessionCalls<Ticket>(context: SessionContext<Ticket>) {
  const { vendor, stored, coolDown, currentEra } = context;

  async function signIn(ticket: Ticket, options?: SessionCallOptions): Promise<void> {
    const { signal } = parseCallOptions<SessionCallOptions>(options, ['signal']);
    await settle(context, signal, (own) =>
      runInTurn(context, own, async (turn) => {
        if (signal?.aborted) throw abortedError();
        if (turn.former !== undefined && !turn.former.isPending) throw alreadySignedInError();
        const tokens = await request(context, turn, (call) => vendor.exchange(ticket, call), { signal });
        if ((await keep(context, turn, tokens)) !== tokens.accessToken) throw alreadySignedInError();
        coolDown.end();
      }),
    );
  }

  async function accessToken(options?: AccessTokenOptions): Promise<string> {
    const { signal, refused } = parseCallOptions<AccessTokenOptions>(options, ['signal', 'refused']);
    return settle(context, signal, async (own) => {
      await stored.readIfDue();
      assertCurrent(own);
      const token = usableToken(context, refused, 'refresh');
      if (token !== undefined) return token;
      const renewShared = () => own.calls.join('renewal', () => renew(context, own, refused));
      try {
        const renewed = await renewShared();
        // A renewal that began before this token was refused may have found the token itself.
        return renewed === refused ? await renewShared() : renewed;
      } catch (error) {
        const rest = own === currentEra() ? usableToken(context, refused, 'expiry') : undefined;
        if (rest === undefined) throw error;
        return rest;
      }
    });
  }

  return { signIn, accessToken };
}

/** Erases the session from the storage, and withdraws its tokens at the vendor even if that fails. */
async function eraseAndRevoke<Ticket>(
  context: SessionContext<Ticket>,
  former: SessionRecord | undefined,
): Promise<void> {
  let last: SessionRecord | null | undefined;
  try {
    last = await accessWithin(context, () => context.stored.erase());
  } finally {
    const ended = last ?? former;
    if (ended !== undefined) revoke(context, ended);
  }
}

/** Waits for the storage within the time limit of the session. */
async function accessWithin<Result>(
  { clock, timeoutMs }: ParsedSessionOptions,
  access: () => Promise<Result>,
): Promise<Result> {
  try {
    return await settleWithin({ clock, timeoutMs, ending: neverEnding }, access);
  } catch (error) {
    throw isCode(error, 'timeout') ? storageError() : error;
  }
}

/** Runs a call of the app and always settles, within the time limit of the session. */
function settle<Ticket, Result>(
  context: SessionContext<Ticket>,
  signal: AbortSignal | undefined,
  task: (own: Era) => Promise<Result>,
): Promise<Result> {
  const { clock, timeoutMs, currentEra } = context;
  const own = currentEra();
  return asValetError(async () => {
    try {
      return await settleWithin({ clock, timeoutMs, signal, ending: own }, () => task(own));
    } finally {
      // What began before the end of an era delivers nothing after it, not even its failure.
      assertCurrent(own);
    }
  });
}
