import type { Clock } from '@valetkey/core-types';
import type { Answer, Routes } from './answer.ts';

/** The simulated services, by the names that call counts and faults use. */
export const sandboxVendors = [
  'nabla',
  'nudge',
  'nymbl-idp',
  'nymbl',
  'authgear',
  'vital',
  'vital-auth',
  'idp',
] as const;

export type SandboxVendor = (typeof sandboxVendors)[number];

/** What a simulation is given to work with. */
export interface SimulationEnvironment {
  readonly clock: Clock;
  /** Where the sandbox listens, like `http://127.0.0.1:8790`; known once it does. */
  readonly origin: () => string;
}

/** One simulated service. */
export interface Simulation {
  readonly vendor: SandboxVendor;
  readonly routes: Routes;
  /** Routes at the root of the sandbox, for clients that cannot be given a path prefix. */
  readonly rootRoutes?: Routes | undefined;
  /** What the vendor says with this status at this route of its `routes`, as far as it is known. */
  readonly failure: (status: number, route: string) => Answer;
  /** What the vendor says to a path that it does not have. Default: its failure 404. */
  readonly unknownPath?: Answer | undefined;
}

/** Seconds since 1970, as tokens count. */
export const nowSeconds = (clock: Clock): number => Math.floor(clock.nowMs() / 1000);
