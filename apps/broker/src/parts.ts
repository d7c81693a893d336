import { systemClock, type Clock, type VendorDependencies } from '@valetkey/core-types';
import { createJwtVerifier, type JwtVerifier, type JwtVerifierOptions } from '@valetkey/jwt-verify';
import { ConfigError, type BrokerConfig } from './config.ts';
import { connectVendors, issuersOf, type ConnectedVendors } from './connected-vendors.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';

/** What a configuration names, made and ready to be asked. */
export interface Parts {
  readonly store: Store;
  readonly connected: ConnectedVendors;
  readonly verifier: JwtVerifier;
  /** Lets go of all of them. */
  readonly close: () => Promise<void>;
}

export interface PartsEffects {
  readonly clock?: Clock | undefined;
  /** In place of the configured store. */
  readonly store?: Store | undefined;
  readonly onVendorEvent?: VendorDependencies['onEvent'];
  readonly onIdentityEvent?: JwtVerifierOptions['onEvent'];
}

/** Makes the parts. Throws {@link ConfigError} where they do not fit together, and leaves nothing open then. */
export function openParts(config: BrokerConfig, effects: PartsEffects = {}): Parts {
  const { clock = systemClock, onVendorEvent, onIdentityEvent } = effects;
  const store = effects.store ?? openStore(config.store);
  try {
    const connected = connectVendors(config, store, { clock, onEvent: onVendorEvent });
    const verifier = openVerifier({
      issuers: issuersOf(config, connected),
      clock,
      ...(onIdentityEvent && { onEvent: onIdentityEvent }),
    });
    return {
      store,
      connected,
      verifier,
      close: async () => {
        await Promise.all([...connected.values()].map(({ vendor }) => vendor.close()));
        verifier.close();
        await store.close();
      },
    };
  } catch (error) {
    void store.close();
    throw error;
  }
}

function openVerifier(options: JwtVerifierOptions): JwtVerifier {
  try {
    return createJwtVerifier(options);
  } catch (error) {
    if (error instanceof TypeError) throw new ConfigError([`issuers: ${error.message}`]);
    throw error;
  }
}
