import type { IssuerStatus, JwtVerifier } from '@valetkey/jwt-verify';
import type { RedisStore } from '@valetkey/token-cache/redis';
import type { StoreHealth } from '../storage/store-health.ts';

/** Whether the broker can serve calls. The value of each part is `ok`, or describes what is wrong. */
export interface Readiness {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, string>>;
}

/** The state of the broker between start and close. */
export interface Lifecycle {
  /** Whether the broker is about to close. */
  draining: boolean;
}

interface ReadinessDependencies {
  readonly storeHealth: StoreHealth;
  readonly verifier: JwtVerifier;
  /** The verifier of operators' tokens. Absent if no user of an identity provider is an operator. */
  readonly operatorVerifier?: JwtVerifier | undefined;
  readonly redis: RedisStore | undefined;
  readonly lifecycle: Lifecycle;
  /** The fields of the rules that refuse nothing, because they only observe. */
  readonly observedRules?: readonly string[];
  /** The versions of the configuration in use, and what is wrong with a later one. */
  readonly configuration?: Readonly<Record<string, string>> | undefined;
}

/** Returns the readiness. Only the store is required: without Redis or an identity provider, the broker still serves some callers. */
export async function checkReadiness(dependencies: ReadinessDependencies): Promise<Readiness> {
  const { storeHealth, verifier, operatorVerifier, redis, lifecycle, observedRules = [], configuration } = dependencies;
  const [storePart, redisPart] = await Promise.all([
    storeHealth.check().then(
      () => 'ok',
      () => 'unusable',
    ),
    redis?.ping().then(
      () => 'ok',
      () => 'unreachable',
    ),
  ]);
  return {
    ready: !lifecycle.draining && storePart === 'ok',
    parts: {
      store: storePart,
      identity: describeIdentity(verifier.status()),
      ...(operatorVerifier && { operators: describeIdentity(operatorVerifier.status()) }),
      ...(redisPart !== undefined && { redis: redisPart }),
      ...(observedRules.length > 0 && { policy: `only observed: ${observedRules.join(', ')}` }),
      ...configuration,
      ...(lifecycle.draining && { shutdown: 'draining' }),
    },
  };
}

/** Returns `ok`, or names each issuer whose keys are missing or too old. */
function describeIdentity(statuses: readonly IssuerStatus[]): string {
  const problems = statuses.flatMap(({ issuer, keys, stale, ageSeconds }) => {
    if (keys === 0) return [`no keys of ${issuer} yet`];
    return stale ? [`keys of ${issuer} are ${ageSeconds} s old and could not be renewed`] : [];
  });
  return problems.length === 0 ? 'ok' : problems.join('; ');
}
