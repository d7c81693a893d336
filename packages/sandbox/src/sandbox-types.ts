import type { Clock } from '@valetkey/core-types';
import type { z } from 'zod';
import type { CallCounts } from './engine/call-log.ts';
import type { FaultRule } from './engine/faults.ts';
import type { AcceptedIssuer, NameOf, Simulation, UrlsOf } from './engine/simulation.ts';
import type { Sleep } from './engine/sleep.ts';
import type { DevTokenRequest } from './identity/idp-tokens.ts';
import type { idp } from './identity/idp.ts';
import type { simulations } from './registry.ts';

/** The simulations that every sandbox has. */
export type BuiltIn = (typeof simulations)[number] | typeof idp;

/** The services of simulations, by the names that call counts and faults use. */
export type ServiceNameOf<Member extends Simulation> = Member extends Simulation ? NameOf<Member['services']> : never;

/** The issuers that sign tokens with keys of their own. */
export type IssuerNameOf<Member extends Simulation> = Member extends Simulation ? NameOf<Member['signingKeys']> : never;

/** The id of a simulation, or never if the part in question is empty. */
type IdWith<Part, Member extends Simulation> = [keyof Part] extends [never] ? never : Member['id'];

/** The credentials by simulation. A simulation without credentials is left out. */
export type CredentialsOf<Member extends Simulation> = {
  readonly [One in Member as IdWith<One['credentials'], One>]: One['credentials'];
};

/** The options by simulation. A simulation without options is left out. */
export type OptionsOf<Member extends Simulation> = {
  readonly [One in Member as IdWith<One['options']['shape'], One>]?: z.input<One['options']> | undefined;
};

type Running<Member extends Simulation> = ReturnType<Member['simulate']>;
type ControlsOf<Member extends Simulation> = NonNullable<Running<Member>['controls']>;

/** What code can use of one simulation: its controls and its further state. */
export type StateOf<Member extends Simulation> = {
  readonly [Name in keyof ControlsOf<Member>]: ControlsOf<Member>[Name]['run'];
} & NonNullable<Running<Member>['state']>;

/** The states by simulation. A simulation without state is left out. */
export type StatesOf<Member extends Simulation> = {
  readonly [One in Member as IdWith<StateOf<One>, One>]: StateOf<One>;
};

/** The options of a sandbox, apart from those of its simulations. */
export interface CommonOptions<Added extends readonly Simulation[]> {
  /** The host to listen on. Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The port to listen on. Default: 0, any free port. */
  readonly port?: number | undefined;
  /** The host names that requests may use, besides loopback names, `host` and its address. Default: none. */
  readonly hostNames?: readonly string[] | undefined;
  /** Decides which tokens have expired. Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Decides which calls a fault with a probability affects. Default: a seeded stream, the same in each run. */
  readonly random?: (() => number) | undefined;
  /** Carries out the faults `latency` and `drip`. Default: timers of this machine. */
  readonly sleep?: Sleep | undefined;
  /** Simulations beside the built-in ones. Default: none. */
  readonly simulations?: Added | undefined;
}

/** A running sandbox, apart from the states of its simulations. */
export interface SandboxCore<Member extends Simulation> extends AsyncDisposable {
  /** Such as `http://127.0.0.1:8790`. */
  readonly origin: string;
  /** The base URL of each service, without a slash at the end. */
  readonly urls: UrlsOf<ServiceNameOf<Member>>;
  /** The credentials that each simulation accepts. */
  readonly credentials: CredentialsOf<Member>;
  /** Returns how often each route was called. */
  readonly calls: () => CallCounts<ServiceNameOf<Member>>;
  readonly resetCalls: () => void;
  /**
   * Replaces the active faults; an empty list ends them all.
   *
   * @throws {TypeError} If a rule is not valid, or names a route that the service does not have.
   */
  readonly setFaults: (faults: readonly FaultRule<ServiceNameOf<Member>>[]) => void;
  /** Returns the active faults, each with its remaining count. */
  readonly faults: () => readonly FaultRule<ServiceNameOf<Member>>[];
  /** Resolves to an access token of the simulated identity provider; accepts the fields of `POST /idp/dev-token`. */
  readonly mintUserToken: (request: DevTokenRequest) => Promise<string>;
  /** Signs with new keys from now on; the old ones stay published. */
  readonly rotateKeys: (issuer: IssuerNameOf<Member>) => Promise<void>;
  /** Publishes only the current keys, so that tokens of older keys no longer verify. */
  readonly withdrawKeys: (issuer: IssuerNameOf<Member>) => Promise<void>;
  /** The options with which a broker connects to each simulation, by the simulation's id. */
  readonly connections: Readonly<Record<string, Record<string, unknown>>>;
  /** The simulated identity providers, as a broker's configuration accepts them. */
  readonly issuers: readonly AcceptedIssuer[];
  readonly close: () => Promise<void>;
}
