import { systemClock, type Clock } from '@valetkey/core-types';
import { createAuthgear, type AuthgearOptions, type AuthgearState } from './authgear.ts';
import { createCallLog, type CallCounts } from './calls.ts';
import { sandboxCredentials } from './credentials.ts';
import type { Sleep } from './deliver.ts';
import { createFaultList, type FaultRule } from './faults.ts';
import { createIdp, type DevTokenRequest } from './idp.ts';
import { createNabla, type NablaOptions, type NablaState } from './nabla.ts';
import { createNudge, type NudgeOptions, type NudgeState } from './nudge.ts';
import { createNymbl, type NymblOptions, type NymblState } from './nymbl.ts';
import { createSeededRandom } from './random.ts';
import { createServer, systemSleep } from './server.ts';
import { createVital, type VitalOptions, type VitalState } from './vital.ts';

/** How a sandbox differs from its default. */
export interface SandboxOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default: 0, any port that is free. */
  readonly port?: number | undefined;
  /** Decides what has expired. Default: this machine's clock. */
  readonly clock?: Clock | undefined;
  /** Decides which calls a fault's probability strikes. Default: a seeded stream, the same in each run. */
  readonly random?: (() => number) | undefined;
  /** Carries out the `latency` and `drip` faults. Default: timers. */
  readonly sleep?: Sleep | undefined;
  readonly nabla?: NablaOptions | undefined;
  readonly nudge?: NudgeOptions | undefined;
  readonly nymbl?: NymblOptions | undefined;
  readonly authgear?: AuthgearOptions | undefined;
  readonly vital?: VitalOptions | undefined;
}

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
   * @throws ValetKeyError `invalid_request` if a rule is not understood or names a route that the vendor lacks.
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
 * @throws Error with code `EADDRINUSE` if the port is taken.
 *
 * @example
 * ```ts
 * import { createSandbox } from '@valetkey/sandbox';
 *
 * await using sandbox = await createSandbox();
 * const { nabla } = sandbox.credentials;
 * const answer = await fetch(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, {
 *   headers: { authorization: `Bearer ${nabla.serverKey}` },
 * });
 * ```
 */
export const createSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
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

  const server = createServer({ simulations, calls, faults, clock, sleep });
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
    rotateKeys: (issuer) => keys[issuer].rotate(),
    withdrawKeys: (issuer) => keys[issuer].withdraw(),
    nabla: nabla.state,
    nudge: nudge.state,
    nymbl: nymbl.state,
    authgear: authgear.state,
    vital: vital.state,
    close,
    [Symbol.asyncDispose]: close,
  };
};
