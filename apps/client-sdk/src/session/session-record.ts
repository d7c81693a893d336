import { isObject } from '../checks/is-object.ts';
import type { MonotonicClock } from '../calls/clock.ts';
import { momentIn, type Moment } from '../calls/moment.ts';
import { areDetails, isToken } from './session-tokens.ts';
import type { SessionDetails, SessionTokens } from './session-types.ts';

/** A session as the storage holds it, in JSON. */
export interface SessionRecord {
  /** Another value for each sign-in. */
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  readonly details: SessionDetails;
  /** Seconds for which the access token was valid when it was received. */
  readonly expiresInSeconds?: number | undefined;
  /** The server's time at which the access token was received, as far as it was known, in milliseconds since 1970. */
  readonly receivedAtMs: number;
  /** The server's clock minus the device's clock, as far as it was known. */
  readonly offsetMs?: number | undefined;
  /** Whether the vendor asked for the same user to sign in again. */
  readonly isPending?: boolean | undefined;
}

/** What the storage holds after a session ended. It is no record, and the next sign-in overwrites it. */
export const endedText = '{"ended":true}';

/** When the access token of a session should be refreshed, and when it expires. */
export interface Lifetime {
  readonly refresh: Moment;
  readonly expiry: Moment;
}

/** A tenth of a token's life is left for the request that uses it, but at most this many milliseconds. */
const maxMarginMs = 60_000;

/** Returns the tokens as a record of the session `id`. `offsetMs` is the server's clock minus the device's. */
export function recordOf(
  tokens: SessionTokens,
  { id, nowMs, offsetMs }: { id: string; nowMs: number; offsetMs: number | undefined },
): SessionRecord {
  const { accessToken, refreshToken, expiresInSeconds, details } = tokens;
  return { id, accessToken, refreshToken, expiresInSeconds, details, receivedAtMs: nowMs + (offsetMs ?? 0), offsetMs };
}

/** Returns the record in a stored text, or null if the text is none: it can never be read again. */
export function parseRecord(text: string): SessionRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const { id, accessToken, refreshToken, expiresInSeconds, receivedAtMs, offsetMs, details } = value;
  const isNumber = (number: unknown) => number === undefined || Number.isFinite(number);
  const isRecord =
    typeof id === 'string' &&
    isToken(accessToken) &&
    ['string', 'undefined'].includes(typeof refreshToken) &&
    isNumber(expiresInSeconds) &&
    isNumber(offsetMs) &&
    Number.isFinite(receivedAtMs) &&
    ['boolean', 'undefined'].includes(typeof value['isPending']) &&
    areDetails(details);
  return isRecord ? (value as unknown as SessionRecord) : null;
}

/** Returns when the token of a record is over. */
export function lifetimeOf(record: SessionRecord, clock: MonotonicClock, offsetMs: number | undefined): Lifetime {
  const { expiresInSeconds = Infinity, receivedAtMs } = record;
  const lifeMs = expiresInSeconds * 1000;
  // A time of receipt by the device's clock compares with the device's clock alone.
  const serverNowMs = clock.nowMs() + (record.offsetMs === undefined ? 0 : (offsetMs ?? record.offsetMs));
  // A device whose clock was set back must not prolong a token.
  const leftMs = Math.min(lifeMs, receivedAtMs + lifeMs - serverNowMs);
  const marginMs = Math.min(lifeMs / 10, maxMarginMs);
  return { refresh: momentIn(leftMs - marginMs, clock), expiry: momentIn(leftMs, clock) };
}
