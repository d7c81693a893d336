import * as fc from 'fast-check';
import { harmlessTroubles, losses, rotations, type VendorTrouble } from './rotating-vendor.ts';
import { storageTroubles, type StorageTrouble } from './shared-storage.ts';

/** What happens in a step. The app of a tab calls its session, or something happens to the tab, storage or vendor. */
export type Action =
  | { readonly do: 'token' | 'use token' | 'load' | 'sign out' | 'abort' | 'kill' | 'reopen' }
  | { readonly do: 'sign in'; readonly user: string }
  | { readonly do: 'suspend' | 'sleep' | 'step clock'; readonly ms: number }
  | { readonly do: 'storage'; readonly trouble: StorageTrouble; readonly accesses: number }
  | { readonly do: 'vendor'; readonly trouble: VendorTrouble }
  | { readonly do: 'lose notices'; readonly areLost: boolean }
  | { readonly do: 'end sessions' | 'require user' };

export interface Step {
  /** Milliseconds after the step before. */
  readonly afterMs: number;
  readonly tab: number;
  readonly action: Action;
}

/** Everything that determines a run. */
export interface Script {
  readonly seed: number;
  readonly tabs: number;
  readonly rotation: (typeof rotations)[number];
  readonly expiresInSeconds: number | undefined;
  readonly honoursAbort: boolean;
  readonly monotonicStandsStill: boolean;
  /** What `serverTimeOffsetMs` of the session returns. */
  readonly offset: 'unknown' | 'known' | 'changing' | 'throwing';
  readonly steps: readonly Step[];
}

const call = (name: 'token' | 'use token' | 'load' | 'sign out' | 'abort') => fc.constant<Action>({ do: name });
const signIn: fc.Arbitrary<Action> = fc
  .constantFrom('alice', 'alice', 'bob')
  .map((user) => ({ do: 'sign in' as const, user }));

const calls = [
  { arbitrary: call('token'), weight: 8 },
  { arbitrary: call('use token'), weight: 4 },
  { arbitrary: call('load'), weight: 1 },
  { arbitrary: signIn, weight: 4 },
  { arbitrary: call('sign out'), weight: 1 },
  { arbitrary: call('abort'), weight: 1 },
];

const device = [
  {
    arbitrary: fc.constantFrom(-600_000, 600_000, 90_000).map((ms): Action => ({ do: 'step clock', ms })),
    weight: 1,
  },
  { arbitrary: fc.boolean().map((areLost): Action => ({ do: 'lose notices', areLost })), weight: 1 },
];

const vendorTroubles = (kinds: readonly VendorTrouble[]) => ({
  arbitrary: fc.constantFrom(...kinds).map((trouble): Action => ({ do: 'vendor', trouble })),
  weight: 3,
});

const vendorEnds = [
  { arbitrary: fc.constant<Action>({ do: 'end sessions' }), weight: 1 },
  { arbitrary: fc.constant<Action>({ do: 'require user' }), weight: 1 },
];

const interruptions = [
  { arbitrary: fc.constantFrom('kill' as const, 'reopen' as const).map((name): Action => ({ do: name })), weight: 1 },
  {
    arbitrary: fc
      .record({ do: fc.constantFrom('suspend' as const, 'sleep' as const), ms: fc.constantFrom(3000, 15_000, 60_000) })
      .map((action): Action => action),
    weight: 2,
  },
];

const storage = (kinds: readonly StorageTrouble[]) => ({
  arbitrary: fc
    .record({ trouble: fc.constantFrom(...kinds), accesses: fc.integer({ min: 1, max: 4 }) })
    .map((trouble): Action => ({ do: 'storage', ...trouble })),
  weight: 3,
});

function scriptsOf(actions: readonly fc.WeightedArbitrary<Action>[], maxSteps: number): fc.Arbitrary<Script> {
  const step = fc.record({
    afterMs: fc.constantFrom(0, 1, 20, 150, 150, 1000, 2500, 8000, 11_000, 95_000, 95_000),
    tab: fc.integer({ min: 0, max: 2 }),
    action: fc.oneof(...actions),
  });
  const first: Step = { afterMs: 0, tab: 0, action: { do: 'sign in', user: 'alice' } };
  return fc.record({
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    tabs: fc.integer({ min: 1, max: 3 }),
    rotation: fc.constantFrom(...rotations),
    expiresInSeconds: fc.constantFrom(100, 100, 100, undefined, 5, 1e300),
    honoursAbort: fc.boolean(),
    monotonicStandsStill: fc.boolean(),
    offset: fc.constantFrom('unknown', 'known', 'changing', 'throwing'),
    steps: fc.array(step, { minLength: 3, maxLength: maxSteps }).map((steps) => [first, ...steps]),
  });
}

/** Users, several tabs, failures before the vendor handles a request, clocks that step, and notices that are lost. */
export const calmScripts = scriptsOf([...calls, ...device, vendorTroubles(harmlessTroubles), storage(['slow'])], 14);

/** Everything that can happen. */
export const wildScripts = scriptsOf(
  [
    ...calls,
    ...device,
    ...vendorEnds,
    ...interruptions,
    vendorTroubles([...harmlessTroubles, ...losses]),
    storage(storageTroubles),
  ],
  18,
);
