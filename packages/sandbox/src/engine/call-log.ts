/** How often each route was called: by service, then by `METHOD /path` with the vendor's own placeholders. */
export type CallCounts<Service extends string = string> = Readonly<Record<Service, Readonly<Record<string, number>>>>;

export interface CallLog {
  readonly count: (service: string, route: string) => void;
  readonly counts: () => CallCounts;
  readonly reset: () => void;
}

/** Callers choose the unknown paths, so the number of counted paths is bounded. */
const maxRoutesPerService = 1000;

/** Counts the calls of each service. */
export function createCallLog(services: readonly string[]): CallLog {
  const log = new Map(services.map((service) => [service, new Map<string, number>()]));

  return {
    count(service, route) {
      const routes = log.get(service) ?? new Map<string, number>();
      const key = routes.has(route) || routes.size < maxRoutesPerService ? route : '(unknown)';
      routes.set(key, (routes.get(key) ?? 0) + 1);
    },
    counts: () => Object.fromEntries([...log].map(([service, routes]) => [service, Object.fromEntries(routes)])),
    reset() {
      for (const routes of log.values()) routes.clear();
    },
  };
}
