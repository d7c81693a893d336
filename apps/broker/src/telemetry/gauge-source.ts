import { Counter, Gauge, type Registry } from 'prom-client';

/** A counter or a gauge, and how its values are read. */
export interface ListedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly read: () => Promise<readonly { readonly labels: Labels; readonly value: number }[]>;
}

/** A value that is read when Prometheus collects the metrics. */
export interface GaugeSource<Label extends string = never> {
  /** The name without the prefix `valetkey_`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
  /** Returns one value without labels, or a value for each set of labels. */
  readonly read: () => Reading<Label> | Promise<Reading<Label>>;
}

type Labels = Readonly<Partial<Record<string, string | number>>>;

type Reading<Label extends string> = number | readonly (readonly [Readonly<Record<Label, string>>, number])[];

/** Adds a gauge to the registry. */
export function addGauge<Label extends string>(
  registry: Registry,
  { name, help, labelNames = [], read }: GaugeSource<Label>,
) {
  const gauge = new Gauge({
    name: `valetkey_${name}`,
    help,
    labelNames,
    registers: [],
    async collect() {
      const reading = await read();
      this.reset();
      if (typeof reading === 'number') this.set(reading);
      else for (const [labels, value] of reading) this.set(labels, value);
    },
  });
  registry.registerMetric(gauge);
}

/** Returns the counters and gauges of the broker in a registry, without those of Node. */
export function listMetrics(registry: Registry): ListedMetric[] {
  return registry.getMetricsAsArray().flatMap(({ name, help }) => {
    const metric: unknown = registry.getSingleMetric(name);
    const isListed = metric instanceof Counter || metric instanceof Gauge;
    if (!isListed || !name.startsWith('valetkey_')) return [];
    const type = metric instanceof Counter ? 'counter' : 'gauge';
    return [{ name, help, type, read: async () => (await metric.get()).values }];
  });
}
