import type { AcceptedIssuer, Simulation } from './simulation.ts';

type Texts = Readonly<Record<string, string>>;

/** Returns the names of all services, in the order of the list. */
export function serviceNamesOf(simulations: readonly Simulation[]): readonly string[] {
  return simulations.flatMap(({ services }) => Object.keys(services));
}

/** Returns the credentials by simulation; a simulation without credentials is left out. */
export function credentialsOf(simulations: readonly Simulation[]): Readonly<Record<string, Texts>> {
  const withCredentials = simulations.filter(({ credentials }) => Object.keys(credentials).length > 0);
  return Object.fromEntries(withCredentials.map(({ id, credentials }) => [id, credentials]));
}

/** Returns the base URL of each service, by its name in camel case. */
export function urlsOf(simulations: readonly Simulation[], origin: string): Texts {
  return Object.fromEntries(serviceNamesOf(simulations).map((name) => [toCamelCase(name), `${origin}/${name}`]));
}

/** Returns the options of the broker's connection to each simulation that has `dev`, by the id of the simulation. */
export function connectionsOf(
  simulations: readonly Simulation[],
  urls: Texts,
  issuer: string,
): Readonly<Record<string, Record<string, unknown>>> {
  return Object.fromEntries(
    simulations.flatMap((simulation) => {
      const connection = simulation.dev?.({ urls, credentials: simulation.credentials, issuer });
      return connection === undefined ? [] : [[simulation.id, connection] as const];
    }),
  );
}

/** Returns the issuers of the simulations that are identity providers. */
export function acceptedIssuersOf(simulations: readonly Simulation[], urls: Texts): readonly AcceptedIssuer[] {
  return simulations.flatMap((simulation) => simulation.acceptedIssuer?.({ urls }) ?? []);
}

/** Throws a `TypeError` if two simulations share an id, a service or an issuer, or an id is one of the reserved words. */
export function assertDistinctNames(simulations: readonly Simulation[], reservedIds: readonly string[]): void {
  const ids = simulations.map(({ id }) => id);
  const issuers = simulations.flatMap(({ signingKeys }) => Object.keys(signingKeys));
  const reserved = ids.find((id) => reservedIds.includes(id));
  if (reserved !== undefined) throw new TypeError(`createSandbox: no simulation may have the id ${reserved}`);
  for (const [kind, names] of [
    ['id', ids],
    ['service', serviceNamesOf(simulations)],
    ['issuer', issuers],
  ] as const) {
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) throw new TypeError(`createSandbox: two simulations have the ${kind} ${repeated}`);
  }
}

/** Converts a name such as `vital-auth` to `vitalAuth`. */
export function toCamelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
}
