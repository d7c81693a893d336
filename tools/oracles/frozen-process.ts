import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** Sets the clock of the process, and starts its random source anew. */
export type SetMoment = (nowSeconds: number) => void;

/**
 * Stops the clock of this process and replaces its random source by a fixed sequence.
 *
 * Call it before an SDK is loaded: an SDK may keep what it found when it was loaded. Keys that `node:crypto` generates stay
 * random.
 */
export function freezeProcess(): SetMoment {
  let nowMilliseconds = 0;
  let counter = 0;
  freezeClock(() => nowMilliseconds);
  freezeRandom(() => {
    counter = (counter + 1) % 256;
    return counter;
  });
  return (nowSeconds) => {
    nowMilliseconds = nowSeconds * 1000;
    counter = 0;
  };
}

function freezeClock(now: () => number): void {
  const RealDate = Date;
  const FrozenDate = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, values: unknown[], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as Date,
    get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
  });
  RealDate.prototype.constructor = FrozenDate;
  globalThis.Date = FrozenDate;
  Object.defineProperty(performance, 'timeOrigin', { get: now });
  performance.now = () => 0;
}

function freezeRandom(nextByte: () => number): void {
  const fill = <View extends ArrayBufferView | null>(view: View): View => {
    if (view !== null)
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).forEach(
        (_, index, bytes) => (bytes[index] = nextByte()),
      );
    return view;
  };
  const randomBytes = (size: number, callback?: (error: null, bytes: Buffer) => void) => {
    const bytes = fill(Buffer.alloc(size));
    if (callback === undefined) return bytes;
    queueMicrotask(() => callback(null, bytes));
    return undefined;
  };
  const randomUUID = () => {
    const hex = fill(Buffer.alloc(16)).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  Math.random = () => nextByte() / 256;
  Object.assign(crypto, { randomBytes, randomUUID, randomFillSync: fill });
  Object.defineProperties(Object.getPrototypeOf(crypto.webcrypto), {
    getRandomValues: { value: fill },
    randomUUID: { value: randomUUID },
  });
  syncBuiltinESMExports();
}
