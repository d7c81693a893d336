import type { JwtVerifier } from '@valetkey/jwt-verify';
import packageManifest from '../../package.json' with { type: 'json' };
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

interface GaugeDependencies {
  readonly metrics: Metrics;
  /** Returns the parts of the configuration in use. */
  readonly current: () => GaugedParts;
}

/** The parts whose state the metrics show. */
export interface GaugedParts {
  readonly readiness: () => Promise<Readiness>;
  /** The verifiers of the tokens of apps and of operators. */
  readonly verifiers: readonly Pick<JwtVerifier, 'status'>[];
  readonly audit: { readonly countWaiting: () => number; readonly assertWritable: (id: string) => Promise<void> };
  readonly connections: readonly WatchedConnection[];
}

interface WatchedConnection {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly isCircuitOpen: () => boolean;
}

const flag = (isTrue: boolean) => (isTrue ? 1 : 0);

/** Adds the gauges that describe the state of the broker. */
export function addStateGauges(dependencies: GaugeDependencies): void {
  addReadinessGauges(dependencies);
  addIdentityGauges(dependencies);
  addAuditGauges(dependencies);
  const version = packageManifest.version;
  dependencies.metrics.addGauge({
    name: 'build_info',
    help: 'The version of the broker and of Node.',
    labelNames: ['version', 'node_version'],
    read: () => [[{ version, node_version: process.versions.node }, 1]],
  });
}

function addReadinessGauges({ metrics: { addGauge }, current }: GaugeDependencies): void {
  addGauge({
    name: 'ready',
    help: 'Whether the broker can serve calls.',
    read: async () => flag((await current().readiness()).ready),
  });
  addGauge({
    name: 'part_ready',
    help: 'Whether a part of the broker works: store, identity, operators or redis.',
    labelNames: ['part'],
    read: async () => {
      const { parts: described } = await current().readiness();
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
      current().connections.map(({ name, vendor, isCircuitOpen }) => [
        { connection: name, vendor: vendor.id },
        flag(isCircuitOpen()),
      ]),
  });
}

function addIdentityGauges({ metrics: { addGauge }, current }: GaugeDependencies): void {
  const statuses = () => current().verifiers.flatMap((verifier) => verifier.status());
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

function addAuditGauges({ metrics: { addGauge }, current }: GaugeDependencies): void {
  addGauge({
    name: 'audit_queue',
    help: 'Decisions that are not committed yet. The responses wait for them.',
    read: () => current().audit.countWaiting(),
  });
  addGauge({
    name: 'audit_writable',
    help: 'Whether the audit can be written. If not, the broker issues no credential.',
    read: () =>
      current()
        .audit.assertWritable('metrics')
        .then(
          () => 1,
          () => 0,
        ),
  });
}

const watchedParts = new Set(['store', 'identity', 'operators', 'redis']);
