import { sandboxVendors, type SandboxVendor } from './simulation.ts';

/** How often each route was called: vendor, then `METHOD /path` with the vendor's placeholders. */
export type CallCounts = Readonly<Record<SandboxVendor, Readonly<Record<string, number>>>>;

export interface CallLog {
  readonly count: (vendor: SandboxVendor, route: string) => void;
  readonly counts: () => CallCounts;
  readonly reset: () => void;
}

/** Unknown paths are the caller's choice, so their number is bounded. */
const maxRoutesPerVendor = 1000;

export const createCallLog = (): CallLog => {
  const log = new Map<SandboxVendor, Map<string, number>>();
  const reset = () => {
    for (const vendor of sandboxVendors) log.set(vendor, new Map());
  };
  reset();
  return {
    count: (vendor, route) => {
      const routes = log.get(vendor) ?? new Map<string, number>();
      const key = routes.has(route) || routes.size < maxRoutesPerVendor ? route : '(unknown)';
      routes.set(key, (routes.get(key) ?? 0) + 1);
    },
    counts: () => {
      const of = (vendor: SandboxVendor) => Object.fromEntries(log.get(vendor) ?? []);
      return {
        nabla: of('nabla'),
        nudge: of('nudge'),
        'nymbl-idp': of('nymbl-idp'),
        nymbl: of('nymbl'),
        authgear: of('authgear'),
        vital: of('vital'),
        'vital-auth': of('vital-auth'),
        idp: of('idp'),
      };
    },
    reset,
  };
};
