import { Readable } from 'node:stream';
import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** A caller's body on its way to the vendor. */
export interface CallerBody {
  readonly body: string | Uint8Array | Readable | null;
  /** Whether the caller is the one who is waited for. */
  readonly isAwaited: () => boolean;
}

const notAwaited = () => false;
const noBody: CallerBody = { body: null, isAwaited: notAwaited };

/** Makes a body ready to be sent, and keeps an eye on where a streamed one is held up. */
export function toCallerBody(body: string | AsyncIterable<Uint8Array> | Uint8Array | undefined): CallerBody {
  if (body === undefined) return noBody;
  if (typeof body === 'string' || body instanceof Uint8Array) return { body, isAwaited: notAwaited };
  let awaited = false;
  const chunks = async function* () {
    awaited = true;
    try {
      for await (const chunk of body) {
        awaited = false;
        yield chunk;
        awaited = true;
      }
    } catch (failure) {
      throw ValetKeyError.isInstance(failure) ? failure : brokenBodyError();
    }
    awaited = false;
  };
  return { body: Readable.from(chunks(), { objectMode: false }), isAwaited: () => awaited };
}

/** The caller's body failed on its way: no fault of the vendor either. */
function brokenBodyError(): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body broke off.', { reason: 'body_broke_off' });
}

/** The time of a call went by because its caller did not send the rest of the body: no fault of the vendor. */
export function slowCallerError({ id }: VendorName): ValetKeyError {
  return new ValetKeyError('invalid_request', 'The body did not arrive in time.', { vendor: id, reason: 'slow_body' });
}
