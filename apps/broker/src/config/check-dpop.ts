import type { IssuerOptions } from '@valetkey/core-types';
import type { BrokerFields } from './config.ts';

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
