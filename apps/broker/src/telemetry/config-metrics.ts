import { Counter, Gauge, type Registry } from 'prom-client';

/** What Prometheus collects about the configuration. */
export interface ConfigMetrics {
  /** Sets the versions of the configuration in use. */
  readonly setConfigVersions: (versions: { readonly version: string; readonly secretsVersion: string }) => void;
  /** Counts a reload of the configuration, and sets the time at which it ended. */
  readonly countReload: (outcome: ReloadOutcome, atMs: number) => void;
}

/** `unchanged`: the configuration was read again and is the same as before. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'failed';

/** Creates the metrics of the configuration. They begin with the first one, and the times of reloads with the first reload. */
export function createConfigMetrics(registry: Registry): ConfigMetrics {
  const registers = [registry];
  const info = new Gauge({
    name: 'valetkey_config_info',
    help: 'The versions of the configuration in use. The value is always 1.',
    labelNames: ['version', 'secrets_version'],
    registers,
  });
  const reloads = new Counter({
    name: 'valetkey_config_reloads_total',
    help: 'Reloads of the configuration, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const times = new Gauge({
    name: 'valetkey_config_reload_timestamp_seconds',
    help: 'When the configuration was last reloaded, by whether this succeeded, in seconds since 1970.',
    labelNames: ['result'],
    registers,
  });
  const successful = new Gauge({
    name: 'valetkey_config_last_reload_successful',
    help: 'Whether the last reload of the configuration succeeded: 1 or 0. It is 1 before the first reload.',
    registers: [],
  });
  const begin = () => {
    for (const outcome of ['applied', 'unchanged', 'failed'] satisfies ReloadOutcome[]) reloads.inc({ outcome }, 0);
    successful.set(1);
    registry.registerMetric(successful);
  };
  let hasBegun = false;
  return {
    setConfigVersions: ({ version, secretsVersion }) => {
      if (!hasBegun) begin();
      hasBegun = true;
      info.reset();
      info.set({ version, secrets_version: secretsVersion }, 1);
    },
    countReload: (outcome, atMs) => {
      reloads.inc({ outcome });
      successful.set(outcome === 'failed' ? 0 : 1);
      times.set({ result: outcome === 'failed' ? 'failure' : 'success' }, atMs / 1_000);
    },
  };
}
