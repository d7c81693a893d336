import { isOver } from '../calls/moment.ts';
import { ValetError } from '../errors/valet-error.ts';
import { assertCurrent, type Era, type SessionContext } from './session-context.ts';
import { isCode, pendingError, signedOutError } from './session-errors.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionCall, SessionTokens } from './session-types.ts';
import { endRefused, isAccepted, keep, request, runInTurn, type SessionTurn } from './turn.ts';

/**
 * Returns the access token if it can be used now. `limit` says how much of its life must be left: enough for a request, or
 * any. Throws `reauthentication_required` if the session waits for it.
 */
export function usableToken<Ticket>(
  { stored: { held }, clock, vendor }: SessionContext<Ticket>,
  refused: string | undefined,
  limit: 'refresh' | 'expiry',
): string | undefined {
  if (held === undefined || !isAccepted(vendor, held.record)) return undefined;
  if (held.record.isPending) throw pendingError();
  const { accessToken } = held.record;
  return accessToken === refused || isOver(held.lifetime[limit], clock) ? undefined : accessToken;
}

/** Resolves with a new access token: from another tab, by a refresh, or from the vendor's `get`. */
export async function renew<Ticket>(
  context: SessionContext<Ticket>,
  own: Era,
  refused: string | undefined,
): Promise<string> {
  const { coolDown, currentEra } = context;
  coolDown.check();
  try {
    return await runInTurn(context, own, async (turn) => {
      const token = usableToken(context, refused, 'refresh');
      if (token !== undefined) return token;
      const { former } = turn;
      return former?.refreshToken === undefined ? getAnew(context, turn) : refresh(context, turn, former);
    });
  } catch (error) {
    if (own === currentEra()) coolDown.begin(error);
    throw error;
  }
}

async function getAnew<Ticket>(context: SessionContext<Ticket>, turn: SessionTurn): Promise<string> {
  const { vendor } = context;
  try {
    return await keep(
      context,
      turn,
      await request(context, turn, async (call) => {
        if (vendor.get === undefined) throw signedOutError();
        return vendor.exchange(await vendor.get(call), call);
      }),
    );
  } catch (error) {
    if (turn.former !== undefined && isCode(error, 'signed_out') && !turn.own.ended) await endRefused(context);
    throw error;
  }
}

async function refresh<Ticket>(
  context: SessionContext<Ticket>,
  turn: SessionTurn,
  former: SessionRecord,
): Promise<string> {
  const { refreshToken = '', details } = former;
  try {
    const keepNew = (tokens: SessionTokens) =>
      keep(context, turn, {
        ...tokens,
        refreshToken: tokens.refreshToken ?? refreshToken,
        details: { ...details, ...tokens.details },
      });
    // A late response may have the only refresh token that the vendor still accepts.
    const onLate = (tokens: SessionTokens) => void keepNew(tokens).catch(() => undefined);
    const send = (call: SessionCall) => context.vendor.refresh({ ...former, refreshToken }, call);
    return await keepNew(await request(context, turn, send, { onLate }));
  } catch (error) {
    if (!isCode(error, 'signed_out', 'reauthentication_required')) throw error;
    return refuse(context, turn, { former, error });
  }
}

interface Refusal {
  readonly former: SessionRecord;
  readonly error: ValetError;
}

/** Handles the vendor's refusal of a refresh token. */
async function refuse<Ticket>(
  context: SessionContext<Ticket>,
  turn: SessionTurn,
  { former, error }: Refusal,
): Promise<string> {
  const { stored, showState, vendor } = context;
  assertCurrent(turn.own);
  await stored.read();
  assertCurrent(turn.own);
  // Another tab may have refreshed, although this one has the turn.
  const token = usableToken(context, former.accessToken, 'refresh');
  if (token !== undefined) return token;
  if (turn.isTakenOver || isOver(turn.requestsEnd, context.clock)) {
    throw new ValetError('refresh_interrupted', 'Another tab vanished while it refreshed the session.');
  }
  if (error.code === 'reauthentication_required') {
    await stored.save({ ...former, isPending: true }, stored.revision);
    showState('refused');
    throw error;
  }
  if (vendor.get !== undefined) return getAnew(context, turn);
  await endRefused(context);
  throw error;
}
