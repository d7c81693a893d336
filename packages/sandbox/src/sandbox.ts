import { credentialsOf, acceptedIssuersOf, connectionsOf, serviceNamesOf, urlsOf } from './engine/simulation-list.ts';
import { addPrivateKeys } from './engine/private-keys.ts';
import type { CallCounts as CountsOf } from './engine/call-log.ts';
import type { FaultRule as RuleOf } from './engine/faults.ts';
import type { Simulation, UrlsOf } from './engine/simulation.ts';
import { startSimulations } from './engine/start.ts';
import { idp } from './identity/idp.ts';
import { parseSandboxOptions } from './options.ts';
import type {
  BuiltIn,
  CommonOptions,
  CredentialsOf,
  IssuerNameOf,
  OptionsOf,
  SandboxCore,
  ServiceNameOf,
  StatesOf,
} from './sandbox-types.ts';
import { simulations } from './registry.ts';

/** A simulated service, by the name that call counts and faults use: `nymbl-idp`. */
export type SandboxVendor = ServiceNameOf<BuiltIn>;

/** An issuer that signs tokens with keys of its own. */
export type SandboxIssuer = IssuerNameOf<BuiltIn>;

/** The base URL of each service, without a slash at the end. */
export type SandboxUrls = UrlsOf<SandboxVendor>;

/** How often each route was called: by service, then by `METHOD /path` with the vendor's own placeholders. */
export type CallCounts = CountsOf<SandboxVendor>;

/**
 * Which calls a fault affects. Of the rules that match a call, the first that is no `latency` decides; each `latency`, before
 * or after it, delays the response.
 */
export type FaultRule = RuleOf<SandboxVendor>;

/** The options of a sandbox. The options of a simulation stand under its id. */
export type SandboxOptions<Added extends readonly Simulation[] = []> = CommonOptions<Added> &
  OptionsOf<BuiltIn | Added[number]>;

/** A running sandbox. The state of a simulation stands under its id. */
export type Sandbox<Added extends readonly Simulation[] = []> = SandboxCore<BuiltIn | Added[number]> &
  StatesOf<BuiltIn | Added[number]>;

const builtIn = [...simulations, idp];

/** The names of the simulated services. */
export const sandboxVendors = serviceNamesOf(builtIn) as readonly SandboxVendor[];

/** The credentials that the simulations accept. Each contains `sandbox-only`, so that nothing real accepts one. */
export const sandboxCredentials = credentialsOf(builtIn) as CredentialsOf<BuiltIn>;

/**
 * Starts simulations of the vendors and of an OpenID provider on one port.
 *
 * @throws {TypeError} If an option is not valid; the message names it.
 * @throws {Error} With the code `EADDRINUSE`, if the port is taken.
 *
 * @example
 * ```ts
 * import { createSandbox } from '@valetkey/sandbox';
 *
 * const sandbox = await createSandbox();
 * const { nabla } = sandbox.credentials;
 * const response = await fetch(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, {
 *   headers: { authorization: `Bearer ${nabla.serverKey}` },
 * });
 * await sandbox.close();
 * ```
 */
export async function createSandbox<const Added extends readonly Simulation[] = []>(
  options?: SandboxOptions<Added>,
): Promise<Sandbox<Added>> {
  const { all: given, optionsOf, host, port, hostNames, ...dependencies } = parseSandboxOptions(builtIn, options ?? {});
  // An RSA key takes long to generate, so that the server starts meanwhile.
  const [{ states, ...running }, all] = await Promise.all([
    startSimulations(given, { host, port, hostNames, optionsOf }, dependencies),
    addPrivateKeys(given),
  ]);
  const urls = urlsOf(all, running.origin);
  const sandbox = {
    ...running,
    ...states,
    urls,
    credentials: credentialsOf(all),
    connections: connectionsOf(all, urls, `${running.origin}/${idp.id}`),
    issuers: acceptedIssuersOf(all, urls),
    mintUserToken: (states as StatesOf<BuiltIn>).idp.mintUserToken,
    [Symbol.asyncDispose]: running.close,
  };
  // The types derive from the same list of simulations as the names of this object.
  return sandbox as unknown as Sandbox<Added>;
}
