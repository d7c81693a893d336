import { systemClock } from '@valetkey/core-types';
import { createAuthgear, type AuthgearState } from './authgear.ts';
import { createCallLog, type CallCounts } from './calls.ts';
import { sandboxCredentials } from './credentials.ts';
import { createControlSchema } from './controls.ts';
import { createFaultList, type FaultRule } from './faults.ts';
import { createIdp, type DevTokenRequest } from './idp.ts';
import { createNabla, type NablaState } from './nabla.ts';
import { createNudge, type NudgeState } from './nudge.ts';
import { createNymbl, type NymblState } from './nymbl.ts';
import { assertSandboxOptions, type SandboxOptions } from './options.ts';
import { createSeededRandom } from './random.ts';
import { createServer, systemSleep } from './server.ts';
import { createVital, type VitalState } from './vital.ts';

/** Who signs tokens with keys of its own. */
export type SandboxIssuer = 'nabla' | 'nudge' | 'nymbl-idp' | 'authgear' | 'vital' | 'idp';

/** Base URLs, without a slash at the end. */
export interface SandboxUrls {
  readonly nabla: string;
  readonly nudge: string;
  readonly nymblIdp: string;
  readonly nymbl: string;
  readonly authgear: string;
  readonly vital: string;
  readonly vitalAuth: string;
  readonly idp: string;
}

/** A running sandbox. */
export interface Sandbox extends AsyncDisposable {
  /** Like `http://127.0.0.1:8790`. */
  readonly origin: string;
  readonly urls: SandboxUrls;
  readonly credentials: typeof sandboxCredentials;
  /** How often each route was called. */
  readonly calls: () => CallCounts;
  readonly resetCalls: () => void;
  /**
   * Replaces what goes wrong; an empty list heals everything.
   *
   * @throws {TypeError} Where a rule is not valid, or names a route that the vendor lacks.
   */
  readonly setFaults: (faults: readonly FaultRule[]) => void;
  /** The faults that are left, with what is left of their counts. */
  readonly faults: () => readonly FaultRule[];
  /** An access token of the simulated OpenID provider; takes what `POST /idp/dev-token` takes. */
  readonly mintUserToken: (request: DevTokenRequest) => Promise<string>;
  /** Signs with new keys from now on; the old ones stay published. */
  readonly rotateKeys: (issuer: SandboxIssuer) => Promise<void>;
  /** Publishes the current keys alone, so that tokens of older ones do not verify any more. */
  readonly withdrawKeys: (issuer: SandboxIssuer) => Promise<void>;
  readonly nabla: NablaState;
  readonly nudge: NudgeState;
  readonly nymbl: NymblState;
  readonly authgear: AuthgearState;
  readonly vital: VitalState;
  readonly close: () => Promise<void>;
}

/**
 * Starts simulations of the five vendors and of an OpenID provider on one port.
 *
 * @throws {TypeError} Where an option is not valid; the message names it.
 * @throws {Error} With the code `EADDRINUSE`, if the port is taken.
 *
 * @example
 * ```ts
 * import { createSandbox } from '@valetkey/sandbox';
 *
 * const sandbox = await createSandbox();
 * const { nabla } = sandbox.credentials;
 * const answer = await fetch(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, {
 *   headers: { authorization: `Bearer ${nabla.serverKey}` },
 * });
 * await sandbox.close();
 * ```
 */
export const createSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  assertSandboxOptions(options);
  const {
    host = '127.0.0.1',
    port = 0,
    clock = systemClock,
    random = createSeededRandom(1),
    sleep = systemSleep,
  } = options;
  let origin = '';
  const environment = { clock, origin: () => origin };
  const nabla = createNabla(environment, options.nabla);
  const nudge = createNudge(environment, options.nudge);
  const nymbl = createNymbl(environment, options.nymbl);
  const authgear = createAuthgear(environment, options.authgear);
  const vital = createVital(environment, options.vital);
  const idp = createIdp(environment);

  const simulations = [
    nabla.simulation,
    nudge.simulation,
    ...nymbl.simulations,
    authgear.simulation,
    ...vital.simulations,
    idp.simulation,
  ];
  const calls = createCallLog();
  const faults = createFaultList(random, (vendor) =>
    Object.keys(simulations.find((simulation) => simulation.vendor === vendor)?.routes ?? {}),
  );
  const keys = {
    nabla: nabla.keys,
    nudge: nudge.keys,
    'nymbl-idp': nymbl.keys,
    authgear: authgear.keys,
    vital: vital.keys,
    idp: idp.keys,
  } satisfies Record<SandboxIssuer, unknown>;

  const controlled = {
    nabla: nabla.state,
    nudge: nudge.state,
    nymbl: nymbl.state,
    authgear: authgear.state,
    vital: vital.state,
    rotateKeys: (issuer: SandboxIssuer) => keys[issuer].rotate(),
    withdrawKeys: (issuer: SandboxIssuer) => keys[issuer].withdraw(),
  };

  const controls = createControlSchema(controlled);
  const server = createServer({ simulations, calls, faults, controls, clock, sleep });
  await server.listen({ host, port });
  const address = server.server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  origin = `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`;
  const close = () => server.close();

  return {
    origin,
    urls: {
      nabla: `${origin}/nabla`,
      nudge: `${origin}/nudge`,
      nymblIdp: `${origin}/nymbl-idp`,
      nymbl: `${origin}/nymbl`,
      authgear: `${origin}/authgear`,
      vital: `${origin}/vital`,
      vitalAuth: `${origin}/vital-auth`,
      idp: `${origin}/idp`,
    },
    credentials: sandboxCredentials,
    calls: calls.counts,
    resetCalls: calls.reset,
    setFaults: faults.replace,
    faults: faults.rules,
    mintUserToken: idp.mintUserToken,
    ...controlled,
    close,
    [Symbol.asyncDispose]: close,
  };
};
