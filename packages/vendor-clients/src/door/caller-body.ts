import { Readable } from 'node:stream';
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** A caller's body on its way to the vendor. */
export interface CallerBody {
  readonly body: string | Uint8Array | Readable | null;
  /** Milliseconds for which the caller was the one who was waited for. */
  readonly awaitedMs: () => number;
}

const notAwaited = () => 0;
const noBody: CallerBody = { body: null, awaitedMs: notAwaited };

/** Makes a body ready to be sent, and keeps an eye on whom a streamed one waits for. */
export function toCallerBody(
  body: string | AsyncIterable<Uint8Array> | Uint8Array | undefined,
  clock: Clock,
): CallerBody {
  if (body === undefined) return noBody;
  if (typeof body === 'string' || body instanceof Uint8Array) return { body, awaitedMs: notAwaited };
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

/** The caller's body failed on its way: no fault of the vendor either. */
function brokenBodyError(): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body broke off.', { reason: 'body_broke_off' });
}

/** The time of a call went by while its caller took it to send the body: no fault of the vendor. */
export function slowCallerError({ id }: VendorName): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body did not arrive in time.', { vendor: id, reason: 'slow_body' });
}
