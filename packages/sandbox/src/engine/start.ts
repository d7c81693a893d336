import type { Clock } from '@valetkey/core-types';
import { createCallLog, type CallCounts } from './call-log.ts';
import { createControlSchema, type Control } from './controls.ts';
import { createFaultList, type FaultRule } from './faults.ts';
import { createFrontPage } from './front-page.ts';
import { createServer, type NamedService } from './server.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import type { Simulation } from './simulation.ts';
import type { Sleep } from './sleep.ts';

export interface StartDependencies {
  readonly clock: Clock;
  /** Decides which calls a fault with a probability affects. */
  readonly random: () => number;
  readonly sleep: Sleep;
}

export interface StartOptions {
  readonly host: string;
  readonly port: number;
  readonly hostNames: readonly string[];
  /** The parsed options of each simulation, by its id. */
  readonly optionsOf: (id: string) => Readonly<Record<string, unknown>>;
}

/** Running simulations on one port, with the functions that control them. */
export interface RunningSandbox {
  readonly origin: string;
  readonly calls: () => CallCounts;
  readonly resetCalls: () => void;
  readonly setFaults: (faults: readonly FaultRule[]) => void;
  readonly faults: () => readonly FaultRule[];
  readonly rotateKeys: (issuer: string) => Promise<void>;
  readonly withdrawKeys: (issuer: string) => Promise<void>;
  /** The controls and the further state of each simulation that has any, by its id. */
  readonly states: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly close: () => Promise<void>;
}

/** Starts simulations on one port. Rejects with `EADDRINUSE` if the port is taken. */
export async function startSimulations(
  simulations: readonly Simulation[],
  { host, port, hostNames, optionsOf }: StartOptions,
  { clock, random, sleep }: StartDependencies,
): Promise<RunningSandbox> {
  let origin = '';
  const running = simulations.map((simulation) =>
    startSimulation(simulation, optionsOf(simulation.id), clock, () => origin),
  );
  const services = running.flatMap((simulation) => simulation.services);
  const keys = Object.fromEntries(running.flatMap((simulation) => Object.entries(simulation.keys)));
  const controls = Object.fromEntries(
    running.filter((simulation) => hasEntries(simulation.controls)).map(({ id, controls }) => [id, controls]),
  );
  const calls = createCallLog(services.map(({ name }) => name));
  const faults = createFaultList(
    Object.fromEntries(services.map(({ name, routes }) => [name, Object.keys(routes)])),
    random,
  );
  const server = createServer({
    services,
    hostNames: [host, ...hostNames],
    calls,
    faults,
    controls: createControlSchema(controls, keys),
    frontPage: createFrontPage({
      services: simulations.flatMap((simulation) =>
        Object.entries(simulation.services).map(([name, summary]) => ({ name, ...summary })),
      ),
      controls: Object.fromEntries(Object.entries(controls).map(([id, group]) => [id, Object.keys(group)])),
      issuers: Object.keys(keys),
    }),
    clock,
    sleep,
  });
  await server.listen({ host, port });
  const address = server.server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  origin = `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`;

  return {
    origin,
    calls: calls.counts,
    resetCalls: calls.reset,
    setFaults: faults.replace,
    faults: faults.rules,
    rotateKeys: async (issuer) => findKeys(keys, issuer).rotate(),
    withdrawKeys: async (issuer) => findKeys(keys, issuer).withdraw(),
    states: Object.fromEntries(
      running.filter((simulation) => hasEntries(simulation.state)).map(({ id, state }) => [id, state]),
    ),
    close: () => server.close(),
  };
}

interface StartedSimulation {
  readonly id: string;
  readonly services: readonly NamedService[];
  readonly keys: Readonly<Record<string, SigningKeys>>;
  readonly controls: Readonly<Record<string, Control>>;
  readonly state: Readonly<Record<string, unknown>>;
}

function startSimulation(
  { id, signingKeys, credentials, ...simulation }: Simulation,
  options: Readonly<Record<string, unknown>>,
  clock: Clock,
  origin: () => string,
): StartedSimulation {
  const keys = Object.fromEntries(
    Object.entries(signingKeys).map(([issuer, algorithms]) => [issuer, createSigningKeys(clock, algorithms)]),
  );
  const urlOf = (service: string) => `${origin()}/${service}`;
  const { services, controls = {}, state } = simulation.simulate({ clock, origin, urlOf, keys, credentials }, options);
  const runs = Object.fromEntries(Object.entries(controls).map(([name, { run }]) => [name, run]));
  return {
    id,
    services: Object.entries(services).map(([name, service]) => ({ ...service, name })),
    keys,
    controls,
    state: { ...runs, ...state },
  };
}

function hasEntries(record: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(record).length > 0;
}

function findKeys(keys: Readonly<Record<string, SigningKeys>>, issuer: string): SigningKeys {
  const found = keys[issuer];
  if (found === undefined)
    throw new TypeError(`The sandbox has no issuer ${issuer}, only ${Object.keys(keys).join(', ')}.`);
  return found;
}
