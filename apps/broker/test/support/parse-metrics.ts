/** The metrics of a response in the Prometheus text format. */
export interface ParsedMetrics {
  readonly names: readonly string[];
  readonly typeOf: (name: string) => string | undefined;
  /** Returns the labels of all samples of a metric, also by the name of a sample of a histogram. Undefined: no such metric. */
  readonly labelsOf: (name: string) => ReadonlySet<string> | undefined;
}

/** Parses the Prometheus text format. */
export function parseMetrics(text: string): ParsedMetrics {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const labels = new Map<string, Set<string>>();
  for (const [, sample = '', list = ''] of text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const whole = sample.replace(/_(?:bucket|sum|count)$/, '');
    for (const name of types.get(whole) === 'histogram' ? [sample, whole] : [sample]) {
      const known = labels.get(name) ?? new Set();
      labels.set(name, known);
      for (const [, label = ''] of list.matchAll(/(\w+)="/g)) known.add(label);
    }
  }
  return { names: [...types.keys()], typeOf: (name) => types.get(name), labelsOf: (name) => labels.get(name) };
}
