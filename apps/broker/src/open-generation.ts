import { isSameValue, type Clock } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { auditKeyOf } from './audit/audit-key.ts';
import { createAudit, type Audit } from './audit/audit.ts';
import { startRetention } from './audit/retention.ts';
import type { Config } from './config/config.ts';
import { closeOpened, createDisposalStack, keepOrOpen, type DisposalStack, type Held } from './disposal-stack.ts';
import { createAdminListener, createAppListener } from './http/listeners.ts';
import { egressPartsOf, openParts, type Parts } from './open-parts.ts';
import type { SharedParts } from './open-shared-parts.ts';
import { versionOfPolicies } from './policy/policy-version.ts';
import type { Decision } from './storage/audit-store.ts';
import type { StoreHealth } from './storage/store-health.ts';
import type { GaugedParts } from './telemetry/gauges.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { checkReadiness, type Lifecycle } from './telemetry/readiness.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { listObservedRules, vendorPartsOf } from './vendors/connections.ts';
import { createPerform } from './vendors/perform.ts';

/** What one configuration opens: its parts, and the routes that use them. */
export interface Generation {
  readonly config: Config;
  readonly parts: Parts;
  readonly app: FastifyInstance;
  readonly admin: FastifyInstance;
  readonly audit: Held<Audit>;
  /** What the metrics show of it. */
  readonly gauged: GaugedParts;
  /** The deletion of old decisions. Absent until it is started, and if the configuration has no `audit.keepDays`. */
  retention?: Held<() => void> | undefined;
  readonly resources: DisposalStack;
}

/** What every generation of a broker uses. */
export interface GenerationDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent if the broker sends no traces. */
  readonly tracing: Tracing | undefined;
  readonly shared: SharedParts;
  readonly storeHealth: StoreHealth;
  readonly lifecycle: Lifecycle;
  /** Describes the configuration in use to operators. */
  readonly describeConfig: () => Readonly<Record<string, string>>;
  /** Called with each decision after it is recorded. */
  readonly onDecision: ((decision: Decision) => void) | undefined;
}

/**
 * Opens what a configuration names, and keeps what it has in common with the configuration before it. Throws, and closes what it
 * opened, if a part cannot be opened; the earlier generation stays as it is.
 */
export function openGeneration(
  config: Config,
  dependencies: GenerationDependencies,
  earlier?: Generation | undefined,
): Generation {
  const resources = createDisposalStack();
  try {
    return openInto(resources, config, dependencies, earlier);
  } catch (error) {
    void resources.close().catch(() => undefined);
    throw error;
  }
}

function openInto(
  resources: DisposalStack,
  config: Config,
  dependencies: GenerationDependencies,
  earlier: Generation | undefined,
): Generation {
  const { clock, logger, metrics, tracing, shared, storeHealth, lifecycle, describeConfig, onDecision } = dependencies;
  const parts = openParts(config, { clock, logger, metrics, tracing, shared, earlier: earlier?.parts }, resources);
  const { store, connections, verifier, operatorVerifier, redis } = parts;
  const heldAudit = keepOrOpen(
    earlier?.audit,
    config.audit.key,
    () =>
      createAudit({
        store,
        storeHealth,
        clock,
        logger,
        key: auditKeyOf(config),
        traceId: tracing?.traceId,
        onCommit: metrics.timeCommit,
        listeners: [metrics.countDecision, ...(onDecision === undefined ? [] : [onDecision])],
      }),
    closeOpened,
  );
  const audit = heldAudit.hold(resources);
  const perform = createPerform({ connections, audit, clock, logger, policyVersion: versionOfPolicies(config) });
  const observedRules = listObservedRules(connections, parts.forwardAuth);
  const readiness = () => {
    const configuration = describeConfig();
    return checkReadiness({ storeHealth, verifier, operatorVerifier, redis, lifecycle, observedRules, configuration });
  };
  const used = { ...parts, clock, logger, metrics, tracing, audit, perform, readiness, lifecycle };
  return {
    config,
    parts,
    app: createAppListener(config, used),
    admin: createAdminListener(config, used),
    audit: heldAudit,
    gauged: {
      readiness,
      verifiers: operatorVerifier === undefined ? [verifier] : [verifier, operatorVerifier],
      audit,
      connections: [...connections.values()],
    },
    resources,
  };
}

const callOpened = (end: () => void): void => end();

/** Begins to delete old decisions as the configuration demands, or continues the deletion of the generation before. */
export function startRetentionOf(
  generation: Generation,
  { shared: { store }, clock, logger }: GenerationDependencies,
  earlier?: Generation | undefined,
): void {
  const { config, resources } = generation;
  const { keepDays, key } = config.audit;
  if (keepDays === undefined) return;
  generation.retention = keepOrOpen(
    earlier?.retention,
    [keepDays, key],
    () => startRetention(keepDays, { store, clock, logger, key: auditKeyOf(config) }),
    callOpened,
  );
  generation.retention.hold(resources);
}

/** Returns the fields that only a restart can change, if the second configuration has other values than the first. */
export function listFixedChanges(before: Config, after: Config): string[] {
  const fixed: readonly (readonly [field: string, of: (config: Config) => unknown, change?: string])[] = [
    ['listen.host', ({ listen }) => listen.host],
    ['listen.port', ({ listen }) => listen.port],
    ['listen.tls', ({ listen }) => listen.tls === undefined, addedOrRemoved],
    ['admin.host', ({ admin }) => admin.host],
    ['admin.port', ({ admin }) => admin.port],
    ['admin.tls', ({ admin }) => admin.tls === undefined, addedOrRemoved],
    ['store', ({ store }) => store],
    ['redis', ({ redis }) => redis],
    ['telemetry', ({ telemetry }) => telemetry],
  ];
  return fixed
    .filter(([, of]) => !isSameValue(of(before), of(after)))
    .map(
      ([field, , change = 'has changed']) =>
        `${field}: ${change}, and only a restart of the broker applies this; nothing was applied`,
    );
}

/** A listener speaks TLS from its start on or never. Another certificate is not a fixed change. */
const addedOrRemoved = 'was added or removed';

/** Returns whether two configurations are the same. What cannot be compared, such as a function, counts as changed. */
export function isSameConfig(before: Config, after: Config): boolean {
  const partsOf = (config: Config) => {
    const { connections, egress: _egress, ...fields } = config;
    return [
      fields,
      egressPartsOf(config),
      connections.map((connection) => [connection.name, connection.policy, ...vendorPartsOf(connection)]),
    ];
  };
  return isSameValue(partsOf(before), partsOf(after));
}
