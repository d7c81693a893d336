import { ValetKeyError } from '@valetkey/core-types';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { findPrincipalChanges, type PrincipalChanges, type PrincipalRecord } from './principal-changes.ts';
import { describeStoreFailure, principalsChanged } from './store-failure.ts';
import type { Store } from './store.ts';

/**
 * A store that refuses operations about users until its stored users match the configuration. From then on, its operations are
 * those of the store itself.
 */
export interface GuardedStore extends Store {
  /**
   * Compares the stored users with the configuration, then stores the subject rule of each issuer. Rejects with a
   * {@link ConfigError} if stored users would become other principals, and with `overloaded` if the store cannot be used.
   */
  readonly checkAndRememberPrincipals: () => Promise<void>;
  /** Does the same for another configuration, with which the store compares from then on. If it rejects, nothing changes. */
  readonly changePrincipals: (
    records: readonly PrincipalRecord[],
    migrated: Config['migratedIssuers'],
  ) => Promise<void>;
}

// Removals need no stored rule.
const comparedFirst = [
  'findVendorUser',
  'listVendorUsers',
  'forgetVendorUser',
  'removeVendorUser',
  'isBlocked',
  'unblockUser',
  'listRevocations',
  'isSessionRevoked',
  'recordLogout',
  'listBlocks',
  'listMappings',
  'check',
] as const;
const rememberedFirst = ['addVendorUser', 'setVendorUser', 'reserveVendorUser', 'blockUser'] as const;

/**
 * Returns the store, and refuses every operation about users while the configuration would give stored users another
 * principal: these users would lose their vendor users and their blocks. The subject rule of each issuer is stored before
 * the first user is stored.
 */
export function guardPrincipals(
  store: Store,
  records: readonly PrincipalRecord[],
  migrated: Config['migratedIssuers'],
): GuardedStore {
  let expected = { records, migrated };
  const compare = async (wanted = expected): Promise<PrincipalChanges> => {
    const changes = findPrincipalChanges(wanted.records, wanted.migrated, await store.listIssuers());
    if (changes.problems.length > 0) throw new ConfigError(changes.problems);
    for (const operation of comparedFirst) Object.assign(guarded, { [operation]: store[operation] });
    return changes;
  };
  const remember = async (wanted = expected): Promise<void> => {
    // Compared again after each write, because another broker may have written another rule at the same time.
    for (let { rules } = await compare(wanted); rules.length > 0; { rules } = await compare(wanted)) {
      for (const { rule, previous } of rules) await store.setSubjectRule(rule, previous);
    }
    for (const operation of rememberedFirst) Object.assign(guarded, { [operation]: store[operation] });
  };
  const guarded: GuardedStore = {
    ...store,
    checkAndRememberPrincipals: () => remember(),
    changePrincipals: async (...values) => {
      const wanted = { records: values[0], migrated: values[1] };
      await remember(wanted);
      expected = wanted;
    },
  };
  const prepareFirst = (operations: readonly (keyof Store)[], prepare: () => Promise<unknown>): void => {
    for (const operation of operations) {
      const run = store[operation] as (...values: unknown[]) => Promise<unknown>;
      const runPrepared = async (...values: unknown[]) => {
        await prepare().catch(refuse);
        return run(...values);
      };
      Object.assign(guarded, { [operation]: runPrepared });
    }
  };
  prepareFirst(comparedFirst, () => compare());
  prepareFirst(rememberedFirst, () => remember());
  return guarded;
}

/** Rejects with `overloaded` in place of a {@link ConfigError}: the configuration was accepted while the store was away. */
function refuse(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  const { detail } = describeStoreFailure(principalsChanged);
  throw new ValetKeyError('overloaded', 'The broker cannot use its database.', {
    retryAfterSeconds: 5,
    reason: principalsChanged,
    remediation: 'Call again later; the operator must correct the configuration.',
    advice: `${detail} ${error.problems.join(' ')}`,
  });
}
