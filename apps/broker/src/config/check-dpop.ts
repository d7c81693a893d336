import type { IssuerOptions } from '@valetkey/core-types';
import type { BrokerFields, Config } from './config.ts';

/** Returns what the broker lacks to check the proofs of the identity providers that have `dpop`. */
export function findDpopProblems(
  { publicUrl, store, dpop }: Pick<BrokerFields, 'publicUrl' | 'store' | 'dpop'>,
  issuers: readonly IssuerOptions[],
): string[] {
  const settings = issuers.flatMap((issuer) => issuer.dpop ?? []);
  const problems: string[] = [];
  if (settings.length > 0 && publicUrl === undefined) {
    problems.push(
      'publicUrl: is missing, and `dpop` of an identity provider needs it; a DPoP proof names the URL of its request, which the broker must not read from a header that the caller chooses',
    );
  }
  if ('postgres' in store && dpop.nonceKey === undefined && settings.some(({ nonceRequired }) => nonceRequired)) {
    problems.push(
      'dpop.nonceKey: is missing, and `dpop.nonceRequired` of an identity provider needs it with `store.postgres`; brokers that share a store accept the nonces of each other only if they have the same key',
    );
  }
  return problems;
}

/** Returns a warning if no user can pass forward authentication, because each identity provider requires bound tokens. */
export function listDpopWarnings({ issuers, forwardAuth }: Pick<Config, 'issuers' | 'forwardAuth'>): string[] {
  if (forwardAuth.policy === undefined || !issuers.every(({ dpop }) => dpop?.required === true)) return [];
  return [
    'forwardAuth.policy: has no effect, because each identity provider has `dpop.required`, and /v1/authorize and /v1/resolve accept no token that is bound to a key; accept bearer tokens of one identity provider',
  ];
}
