import { Readable } from 'node:stream';
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** A caller's body on its way to the vendor. */
export interface CallerBody {
  readonly body: Uint8Array | Readable | null;
  /** Returns the milliseconds for which the call waited for the caller's next piece. */
  readonly awaitedMs: () => number;
}

const notAwaited = () => 0;

/** Prepares a body for sending, and measures how long a streamed body keeps the call waiting. */
export function toCallerBody(body: AsyncIterable<Uint8Array> | Uint8Array | undefined, clock: Clock): CallerBody {
  if (body === undefined) return { body: null, awaitedMs: notAwaited };
  if (body instanceof Uint8Array) return { body, awaitedMs: notAwaited };
  let totalMs = 0;
  let awaitedSinceMs: number | undefined;
  const awaitedMs = () => totalMs + (awaitedSinceMs === undefined ? 0 : clock.monotonicMs() - awaitedSinceMs);
  const arrived = (): void => {
    totalMs = awaitedMs();
    awaitedSinceMs = undefined;
  };
  const chunks = async function* () {
    awaitedSinceMs = clock.monotonicMs();
    try {
      for await (const chunk of body) {
        arrived();
        yield chunk;
        awaitedSinceMs = clock.monotonicMs();
      }
    } catch (failure) {
      throw ValetKeyError.isInstance(failure) ? failure : brokenBodyError();
    } finally {
      arrived();
    }
  };
  return { body: Readable.from(chunks(), { objectMode: false }), awaitedMs };
}

function brokenBodyError(): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body broke off.', { reason: 'body_broke_off' });
}

/** Returns the error for a call whose caller needed most of the time to send its body. It says nothing about the vendor. */
export function slowCallerError({ id }: VendorName): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body did not arrive in time.', { vendor: id, reason: 'slow_body' });
}
