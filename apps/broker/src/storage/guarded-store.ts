import { ValetKeyError } from '@valetkey/core-types';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { findPrincipalChanges, type PrincipalChanges, type PrincipalRecord } from './principal-changes.ts';
import { describeStoreFailure, principalsChanged } from './store-failure.ts';
import type { Store } from './store.ts';

/** A store that refuses operations about users until its stored users match the configuration. */
export interface GuardedStore extends Store {
  /**
   * Compares the stored users with the configuration, then stores the subject rule of each issuer. Rejects with a
   * {@link ConfigError} if stored users would become other principals, and with `overloaded` if the store cannot be used.
   */
  readonly checkAndRememberPrincipals: () => Promise<void>;
}

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
  const state = { isCompared: false, isRemembered: false };
  const compare = async (): Promise<PrincipalChanges> => {
    const changes = findPrincipalChanges(records, migrated, await store.listIssuers());
    if (changes.problems.length > 0) throw new ConfigError(changes.problems);
    state.isCompared = true;
    return changes;
  };
  const remember = async (): Promise<void> => {
    // Compared again after each write, because another broker may have written another rule at the same time.
    for (let { rules } = await compare(); rules.length > 0; { rules } = await compare()) {
      for (const { rule, previous } of rules) await store.setSubjectRule(rule, previous);
    }
    state.isRemembered = true;
  };
  const before =
    (step: keyof typeof state, prepare: () => Promise<unknown>) =>
    <Values extends unknown[], Result>(run: (...values: Values) => Promise<Result>) =>
    (...values: Values): Promise<Result> =>
      state[step]
        ? run(...values)
        : prepare()
            .catch(refuse)
            .then(() => run(...values));
  const afterComparing = before('isCompared', compare);
  // Removals need no stored rule.
  const afterRemembering = before('isRemembered', remember);

  return {
    ...store,
    findVendorUser: afterComparing(store.findVendorUser),
    listVendorUsers: afterComparing(store.listVendorUsers),
    forgetVendorUser: afterComparing(store.forgetVendorUser),
    removeVendorUser: afterComparing(store.removeVendorUser),
    isBlocked: afterComparing(store.isBlocked),
    unblockUser: afterComparing(store.unblockUser),
    addVendorUser: afterRemembering(store.addVendorUser),
    setVendorUser: afterRemembering(store.setVendorUser),
    reserveVendorUser: afterRemembering(store.reserveVendorUser),
    blockUser: afterRemembering(store.blockUser),
    check: afterComparing(store.check),
    checkAndRememberPrincipals: remember,
  };
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
