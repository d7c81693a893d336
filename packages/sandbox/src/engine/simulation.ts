import type { Clock, VendorKeyKind } from '@valetkey/core-types';
import { z } from 'zod';
import type { Routes, SimulatedResponse } from './responses.ts';
import type { Control } from './controls.ts';
import { parseArgument } from './parse.ts';
import type { SigningAlgorithms, SigningKeys } from './signing-keys.ts';

/** How the front page and the README introduce a service. */
export interface ServiceSummary {
  readonly title: string;
  /** A call to try, such as `GET  /v2/user/resolve/{client_user_id}`. */
  readonly sample: string;
  /** What the service does, in a few words for the README. */
  readonly simulates: string;
}

/** A service of a simulation in one sandbox. */
export interface Service {
  /** The routes under the path prefix of the service. */
  readonly routes: Routes;
  /** Routes at the root of the sandbox, for clients that cannot be configured with a path prefix. */
  readonly rootRoutes?: Routes | undefined;
  /** Returns the vendor's error response with a status at a route, as the vendor documents it, or else a guess. */
  readonly failure: (status: number, route: string) => SimulatedResponse;
  /** The response to a path that the vendor does not have. Default: the result of `failure` for 404. */
  readonly unknownPath?: SimulatedResponse | undefined;
}

/** An identity provider as the broker's configuration accepts it. */
export interface AcceptedIssuer {
  readonly issuer: string;
  readonly audiences: string[];
}

/** Base URLs without a slash at the end, by the service's name in camel case: `urls.vitalAuth` for `vital-auth`. */
export type UrlsOf<ServiceName extends string> = { readonly [Name in ServiceName as CamelCase<Name>]: string };

/** Converts a name such as `vital-auth` to `vitalAuth`. */
export type CamelCase<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name;

/** What a simulation works with in one sandbox. */
export interface SimulationDependencies<ServiceName extends string, IssuerName extends string, Credentials> {
  readonly clock: Clock;
  /** Returns the origin of the sandbox, such as `http://127.0.0.1:8790`. Known once the sandbox listens. */
  readonly origin: () => string;
  /** Returns the base URL of one of the simulation's services. Known once the sandbox listens. */
  urlOf(service: ServiceName): string;
  /** The signing keys of each issuer that the simulation declares. */
  readonly keys: Readonly<Record<IssuerName, SigningKeys>>;
  /** The simulation's own credentials. */
  readonly credentials: Credentials;
}

/** A simulation in one sandbox. */
export interface RunningSimulation<ServiceName extends string, Controls, State> {
  readonly services: Readonly<Record<ServiceName, Service>>;
  /** The actions of `POST /_state`, by name. Their functions are also part of the state in code. */
  readonly controls?: Controls | undefined;
  /** More functions and values for code. */
  readonly state?: State | undefined;
}

/** What `dev` receives. */
export interface ConnectionDependencies<ServiceName extends string, Credentials> {
  /** The base URLs of the simulation's services. */
  readonly urls: UrlsOf<ServiceName>;
  readonly credentials: Credentials;
  /** The `iss` of the tokens of the sandbox's own identity provider. */
  readonly issuer: string;
}

/** The kind of a private key: RSA with 2048 bits, or EC on the curve P-256. */
export type PrivateKeyKind = VendorKeyKind;

type None = Readonly<Record<never, never>>;
type Texts = Readonly<Record<string, string>>;
type Summaries = Readonly<Record<string, ServiceSummary>>;
type Algorithms = Readonly<Record<string, SigningAlgorithms>>;
type Controls = Readonly<Record<string, Control>>;

/** Everything that the sandbox knows about one vendor or identity provider. See {@link defineSimulation}. */
export interface Simulation<
  Id extends string = string,
  Services extends Summaries = Summaries,
  Credentials extends Texts = Texts,
  Keys extends Algorithms = Algorithms,
  Options extends z.ZodObject = z.ZodObject,
  OwnControls extends Controls = Controls,
  State extends object = object,
> {
  /** Kebab case. Names the options and the state of the simulation, and the broker's connection to it. */
  readonly id: Id;
  /** The vendor's name as people write it. */
  readonly title: string;
  /** The services by name, which is also their path prefix. One vendor may have several. */
  readonly services: Services;
  /** The credentials that the simulation accepts. Each contains `sandbox-only`, so that nothing real accepts one. */
  readonly credentials: Credentials;
  /** The credentials that are private keys. The sandbox generates them when it starts, for `dev` alone. Absent: none. */
  readonly privateKeys?: Readonly<Record<string, PrivateKeyKind>> | undefined;
  /** The signature algorithms of each issuer that signs tokens with keys of its own. */
  readonly signingKeys: Keys;
  /** Parses the options of the simulation. Strict: it refuses unknown fields. */
  readonly options: Options;
  /** Starts the simulation in one sandbox. Written as a method, so that a list may hold simulations of different types. */
  simulate(
    dependencies: SimulationDependencies<NameOf<Services>, NameOf<Keys>, Credentials>,
    options: z.output<Options>,
  ): RunningSimulation<NameOf<Services>, OwnControls, State>;
  /** Returns the options with which `valetkey dev` connects the broker. Absent: `valetkey dev` configures no connection. */
  dev?(dependencies: ConnectionDependencies<NameOf<Services>, Credentials>): Record<string, unknown>;
  /** Returns the issuer whose tokens the broker accepts. Absent: the simulation is no identity provider. */
  acceptedIssuer?(dependencies: { readonly urls: UrlsOf<NameOf<Services>> }): AcceptedIssuer;
}

export type NameOf<Named> = Extract<keyof Named, string>;

type OptionalPart = 'credentials' | 'signingKeys' | 'options';

/** A simulation as `defineSimulation` receives it. Empty parts may be left out. */
export type SimulationDefinition<Whole extends Simulation> = Omit<Whole, OptionalPart> &
  Partial<Pick<Whole, OptionalPart>>;

const nameSchema = z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, { error: 'must be kebab-case' });

const namesSchema = z.object({
  id: nameSchema,
  title: z.string().min(1),
  services: z.record(nameSchema, z.unknown()).refine((services) => Object.keys(services).length > 0, {
    error: 'must name a service',
  }),
  signingKeys: z.record(nameSchema, z.unknown()),
});

/**
 * Defines the simulation of one vendor. URLs, credentials, options, call counts, faults, `POST /_state` and the front page
 * of a sandbox all derive from it.
 *
 * @throws {TypeError} If the id or the name of a service or issuer is not kebab-case, or no service is named.
 *
 * @example
 * ```ts
 * import { createSandbox, defineSimulation, jsonResponse } from '@valetkey/sandbox';
 *
 * const acme = defineSimulation({
 *   id: 'acme',
 *   title: 'Acme',
 *   credentials: { apiKey: 'sandbox-only-acme-key' },
 *   services: { acme: { title: 'Acme Rooms', sample: 'GET  /v1/token', simulates: 'tokens of a room' } },
 *   signingKeys: { acme: ['ES256'] },
 *   simulate: ({ keys, credentials }) => ({
 *     services: {
 *       acme: {
 *         failure: (status) => jsonResponse(status, { error: status }),
 *         routes: {
 *           'GET /v1/token': async ({ headers, tokenFlaw: flaw }) =>
 *             headers['x-api-key'] === credentials.apiKey
 *               ? jsonResponse(200, { token: await keys.acme.sign({ sub: 'alice' }, { flaw }) })
 *               : jsonResponse(401, { error: 401 }),
 *         },
 *       },
 *     },
 *   }),
 * });
 * const sandbox = await createSandbox({ simulations: [acme] });
 * const response = await fetch(`${sandbox.urls.acme}/v1/token`, {
 *   headers: { 'x-api-key': sandbox.credentials.acme.apiKey },
 * });
 * console.log(response.status); // 200
 * await sandbox.close();
 * ```
 */
export function defineSimulation<
  const Id extends string,
  const Services extends Summaries,
  const Credentials extends Texts = None,
  const Keys extends Algorithms = None,
  Options extends z.ZodObject = z.ZodObject<None, z.core.$strict>,
  OwnControls extends Controls = None,
  State extends object = None,
>(
  definition: SimulationDefinition<Simulation<Id, Services, Credentials, Keys, Options, OwnControls, State>>,
): Simulation<Id, Services, Credentials, Keys, Options, OwnControls, State> {
  const simulation = { credentials: {}, signingKeys: {}, options: z.strictObject({}), ...definition };
  parseArgument('defineSimulation', namesSchema, simulation);
  // Where the definition leaves a part out, its type parameter has the default `None`, which is the empty value above.
  return simulation as Simulation<Id, Services, Credentials, Keys, Options, OwnControls, State>;
}
