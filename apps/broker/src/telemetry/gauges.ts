import type { Clock } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import packageManifest from '../../package.json' with { type: 'json' };
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

interface GaugeDependencies {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly readiness: () => Promise<Readiness>;
  /** The verifiers of the tokens of apps and of operators. */
  readonly verifiers: readonly Pick<JwtVerifier, 'status'>[];
  readonly audit: { readonly countWaiting: () => number; readonly assertWritable: (id: string) => Promise<void> };
  readonly connections: () => Iterable<WatchedConnection>;
  /** The version of the rules by which the broker decides. */
  readonly policyVersion: string;
}

interface WatchedConnection {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly isCircuitOpen: () => boolean;
}

const flag = (isTrue: boolean) => (isTrue ? 1 : 0);

/** Adds the gauges that describe the state of the broker. */
export function addStateGauges(dependencies: GaugeDependencies): void {
  const { metrics, clock, policyVersion } = dependencies;
  addReadinessGauges(dependencies);
  addIdentityGauges(dependencies);
  addAuditGauges(dependencies);
  const version = packageManifest.version;
  metrics.addGauge({
    name: 'build_info',
    help: 'The version of the broker and of Node.',
    labelNames: ['version', 'node_version'],
    read: () => [[{ version, node_version: process.versions.node }, 1]],
  });
  addConfigurationGauges({ metrics, policyVersion, loadedAtMs: clock.nowMs() });
}

function addReadinessGauges({
  metrics: { addGauge },
  readiness,
  connections,
}: Pick<GaugeDependencies, 'metrics' | 'readiness' | 'connections'>): void {
  addGauge({
    name: 'ready',
    help: 'Whether the broker can serve calls.',
    read: async () => flag((await readiness()).ready),
  });
  addGauge({
    name: 'part_ready',
    help: 'Whether a part of the broker works: store, identity, operators or redis.',
    labelNames: ['part'],
    read: async () => {
      const { parts: described } = await readiness();
      return Object.entries(described)
        .filter(([part]) => watchedParts.has(part))
        .map(([part, state]) => [{ part }, flag(state === 'ok')]);
    },
  });
  addGauge({
    name: 'circuit_open',
    help: 'Whether the broker does not call the vendor of a connection for a while, because its calls failed repeatedly.',
    labelNames: ['connection', 'vendor'],
    read: () =>
      [...connections()].map(({ name, vendor, isCircuitOpen }) => [
        { connection: name, vendor: vendor.id },
        flag(isCircuitOpen()),
      ]),
  });
}

function addIdentityGauges({
  metrics: { addGauge },
  verifiers,
}: Pick<GaugeDependencies, 'metrics' | 'verifiers'>): void {
  const statuses = () => verifiers.flatMap((verifier) => verifier.status());
  addGauge({
    name: 'identity_keys',
    help: 'Keys with which the tokens of an issuer can be verified now.',
    labelNames: ['issuer'],
    read: () => statuses().map(({ issuer, keys }) => [{ issuer }, keys]),
  });
  addGauge({
    name: 'identity_key_age_seconds',
    help: 'Time since the keys of an issuer were fetched. Absent for keys of the configuration, and before the first fetch.',
    labelNames: ['issuer'],
    read: () =>
      statuses().flatMap(({ issuer, ageSeconds }) => (ageSeconds === null ? [] : [[{ issuer }, ageSeconds] as const])),
  });
}

function addAuditGauges({ metrics: { addGauge }, audit }: Pick<GaugeDependencies, 'metrics' | 'audit'>): void {
  addGauge({
    name: 'audit_queue',
    help: 'Decisions that are not committed yet. The responses wait for them.',
    read: audit.countWaiting,
  });
  addGauge({
    name: 'audit_writable',
    help: 'Whether the audit can be written. If not, the broker issues no credential.',
    read: () =>
      audit.assertWritable('metrics').then(
        () => 1,
        () => 0,
      ),
  });
}

const watchedParts = new Set(['store', 'identity', 'operators', 'redis']);

function addConfigurationGauges({
  metrics: { addGauge },
  policyVersion,
  loadedAtMs,
}: Pick<GaugeDependencies, 'metrics' | 'policyVersion'> & { readonly loadedAtMs: number }): void {
  addGauge({
    name: 'config_info',
    help: 'The version of the policy that is in use, as decisions have it.',
    labelNames: ['policy_version'],
    read: () => [[{ policy_version: policyVersion }, 1]],
  });
  addGauge({
    name: 'config_last_reload_successful',
    help: 'Whether the configuration was read successfully when it was last read.',
    read: () => 1,
  });
  addGauge({
    name: 'config_last_reload_timestamp_seconds',
    help: 'When the configuration in use was read, in seconds since 1970.',
    read: () => loadedAtMs / 1_000,
  });
}
