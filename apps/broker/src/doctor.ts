import { systemClock, ValetKeyError, type Vendor } from '@valetkey/core-types';
import { createJwtVerifier, type Explanation, type JwtVerifier } from '@valetkey/jwt-verify';
import { parseConfig } from './config.ts';
import { connectVendors, issuersOf } from './connected-vendors.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';

/** What the doctor found of one part: `healthy`, or what is wrong and what to do. */
export interface Finding {
  readonly part: string;
  readonly healthy: boolean;
  readonly detail: string;
}

const healthy = (part: string, detail = 'ok'): Finding => ({ part, healthy: true, detail });

function unwell(part: string, error: unknown): Finding {
  if (!ValetKeyError.isInstance(error)) return { part, healthy: false, detail: 'failed' };
  const { code, message, reason, remediation } = error;
  const word = reason === undefined ? code : `${code}, ${reason}`;
  return { part, healthy: false, detail: `${message} (${word}) ${remediation}` };
}

/** Everything a configuration names, made and let go of again. */
async function withParts<Result>(input: unknown, use: (parts: Parts) => Promise<Result>): Promise<Result> {
  const config = parseConfig(input);
  const store = openStore(config.store);
  try {
    const connected = connectVendors(config, store, { clock: systemClock });
    const vendors = [...connected.values()].map(({ vendor }) => vendor);
    const verifier = createJwtVerifier({ issuers: issuersOf(config, connected) });
    try {
      return await use({ store, vendors, verifier });
    } finally {
      verifier.close();
      await Promise.all(vendors.map((vendor) => vendor.close()));
    }
  } finally {
    await store.close();
  }
}

interface Parts {
  readonly store: Store;
  readonly vendors: readonly Vendor[];
  readonly verifier: JwtVerifier;
}

/** Takes a token through every check of the configured identity providers. Safe to show: it tells nothing of the person. */
export function explainToken(input: unknown, token: string): Promise<Explanation> {
  // The store has no say in it, and need not even be there.
  const withoutStore = { ...(input as object), store: { sqlite: ':memory:' } };
  return withParts(withoutStore, ({ verifier }) => verifier.explain(token));
}

/**
 * Asks everything that a configuration names whether it is there and takes our credentials: the store, each identity
 * provider, each vendor. Nothing lasting is done anywhere. Throws `ConfigError` for a configuration that cannot be used.
 */
export function examine(input: unknown): Promise<Finding[]> {
  return withParts(input, async ({ store, vendors, verifier }) => {
    const [storeFinding, identity, ...vendorFindings] = await Promise.all([
      store.check().then(
        () => healthy('store'),
        (error: unknown) => unwell('store', error),
      ),
      verifier.warm(),
      ...vendors.map(({ id, verify }) =>
        (verify?.() ?? Promise.resolve()).then(
          () => healthy(`vendor ${id}`),
          (error: unknown) => unwell(`vendor ${id}`, error),
        ),
      ),
    ]);
    const issuerFindings = identity.map(({ issuer, keys, lastFailure }) =>
      keys > 0
        ? healthy(`issuer ${issuer}`, `${keys} keys`)
        : { part: `issuer ${issuer}`, healthy: false, detail: `gave no keys (${lastFailure ?? 'none can be used'})` },
    );
    return [storeFinding, ...issuerFindings, ...vendorFindings];
  });
}
