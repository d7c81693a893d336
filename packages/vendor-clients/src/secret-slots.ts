import { ValetKeyError, type Secret } from '@valetkey/core-types';

/** How a secret is used. */
export interface UseOptions {
  /** Whether the call can be made a second time. Default: true. */
  readonly repeatable?: boolean | undefined;
}

/** A secret with its successor, in use. */
export interface SlottedSecret<Value = Secret> {
  /**
   * Makes a call with the active secret and, where the vendor refuses it (`vendor_auth_failed`), once more with the
   * other. The one that the vendor takes stays active.
   */
  readonly use: <Result>(call: (secret: Value) => Promise<Result>, options?: UseOptions) => Promise<Result>;
}

/** Takes both slots of a secret into use. `onSwitch` hears which slot is active from now on. */
export function useSecretSlots<Value = Secret>(
  slots: { readonly current: Value; readonly next?: Value | undefined },
  onSwitch: (slot: 'current' | 'next') => void,
): SlottedSecret<Value> {
  const { current, next } = slots;
  if (next === undefined) return { use: (call) => call(current) };
  let active = current;

  return {
    async use(call, { repeatable = true } = {}) {
      const first = active;
      try {
        return await call(first);
      } catch (failure) {
        const refused = ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed';
        if (!refused || !repeatable) throw failure;
      }
      const other = first === current ? next : current;
      const stay = (): void => {
        if (active !== first) return;
        active = other;
        onSwitch(other === current ? 'current' : 'next');
      };
      try {
        const result = await call(other);
        stay();
        return result;
      } catch (failure) {
        if (isTaken(failure)) stay();
        throw failure;
      }
    },
  };
}

/** Whether a failure is the vendor's answer to a call whose secret it took. */
function isTaken(failure: unknown): boolean {
  return (
    ValetKeyError.isInstance(failure) &&
    (failure.code === 'vendor_rejected' || failure.code === 'vendor_user_not_found')
  );
}
