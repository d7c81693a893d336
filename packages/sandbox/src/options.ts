import { systemClock, type Clock } from '@valetkey/core-types';
import { z } from 'zod';
import { parseArgument } from './engine/parse.ts';
import { createSeededRandom } from './engine/random.ts';
import { assertDistinctNames } from './engine/simulation-list.ts';
import type { Simulation } from './engine/simulation.ts';
import type { BuiltIn, SandboxCore } from './sandbox-types.ts';
import { systemSleep, type Sleep } from './engine/sleep.ts';

const isFunction = (value: unknown): boolean => typeof value === 'function';
const functionError = { error: 'must be a function' };

const commonShape = {
  host: z.string().min(1).default('127.0.0.1').describe('The address on which the sandbox listens.'),
  port: z
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('The port on which the sandbox listens. `0` selects a free port.'),
  hostNames: z
    .array(z.string().min(1))
    .readonly()
    .default([])
    .describe(
      'The names that the `Host` header of a request may have. Loopback names, the value of `host`, and the address at which the sandbox received the request are always allowed.',
    ),
  clock: z
    .custom<Clock>(isClock, { error: 'must have the functions nowMs and monotonicMs' })
    .default(systemClock)
    .describe(
      'The clock by which the sandbox issues tokens and decides which have expired. Default: the clock of this machine.',
    ),
  random: z
    .custom<() => number>(isFunction, functionError)
    .default(() => createSeededRandom(1))
    .describe(
      'Returns a random number from 0 up to 1, which decides whether a fault with a probability affects a call. Default: a sequence that is the same in every run.',
    ),
  sleep: z
    .custom<Sleep>(isFunction, functionError)
    .default(() => systemSleep)
    .describe('Waits for the faults `latency` and `drip`. Default: a timer of this process.'),
  simulations: z
    .array(z.custom<Simulation>(isSimulation, { error: 'must be a value that defineSimulation returned' }))
    .readonly()
    .default([])
    .describe('Your own simulations, made by `defineSimulation`, which the sandbox runs beside the built-in ones.'),
};

/** Ids that a simulation may not have, because options, `POST /_state` or a sandbox already use the name. */
const reservedIds: readonly string[] = [
  ...Object.keys(commonShape),
  'keys',
  ...([
    'calls',
    'close',
    'connections',
    'credentials',
    'faults',
    'issuers',
    'origin',
    'urls',
  ] satisfies (keyof SandboxCore<BuiltIn>)[]),
];

/** Parses the options of a sandbox and of its simulations, the built-in and the added ones. */
export function parseSandboxOptions(builtIn: readonly Simulation[], options: object) {
  const common = parseArgument('createSandbox', z.looseObject(commonShape), options);
  const { host, port, hostNames, clock, random, sleep, simulations, ...others } = common;
  const all = [...builtIn, ...simulations];
  assertDistinctNames(all, reservedIds);
  const parsed = parseArgument('createSandbox', z.strictObject(toShape(all)), others);
  return { all, host, port, hostNames, clock, random, sleep, optionsOf: (id: string) => parsed[id] ?? {} };
}

/** A simulation without options accepts no options, not even an empty object. */
function toShape(simulations: readonly Simulation[]): Readonly<Record<string, z.ZodType<Record<string, unknown>>>> {
  const withOptions = simulations.filter(({ options }) => Object.keys(options.shape).length > 0);
  return Object.fromEntries(withOptions.map(({ id, options }) => [id, options.strict().prefault({})]));
}

function isClock(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'nowMs' in value &&
    isFunction(value.nowMs) &&
    'monotonicMs' in value &&
    isFunction(value.monotonicMs)
  );
}

function isSimulation(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'simulate' in value &&
    isFunction(value.simulate) &&
    'options' in value
  );
}
