import { ValetKeyError, type Secret, type SecretSlots } from '@valetkey/core-types';

/** How a secret is used. */
export interface UseOptions {
  /** Whether the call can be made a second time. Default: true. */
  readonly repeatable?: boolean | undefined;
}

/** A secret with its successor, in use. */
export interface SlottedSecret {
  /** The one that the vendor took last. */
  readonly active: () => Secret;
  /**
   * Makes a call with the active secret and, where the vendor refuses it (`vendor_auth_failed`), once more with the
   * other. The one that works stays active.
   */
  readonly use: <Result>(call: (secret: Secret) => Promise<Result>, options?: UseOptions) => Promise<Result>;
}

/** Takes both slots of a secret into use. `onSwitch` hears which slot is active from now on. */
export function useSecretSlots(slots: SecretSlots, onSwitch: (slot: 'current' | 'next') => void): SlottedSecret {
  let active = slots.current;

  return {
    active: () => active,
    async use(call, { repeatable = true } = {}) {
      const first = active;
      const other = first === slots.current ? slots.next : slots.current;
      try {
        return await call(first);
      } catch (failure) {
        const refused = ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed';
        if (!refused || !repeatable || other === undefined) throw failure;
      }
      const result = await call(other);
      if (active === first) {
        active = other;
        onSwitch(other === slots.current ? 'current' : 'next');
      }
      return result;
    },
  };
}
