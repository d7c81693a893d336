import { deviceClock, type MonotonicClock } from './clock.ts';
import type { Ending } from './deadline.ts';

/** What the functions of vendors need of a client besides its public functions. */
export interface ClientInside {
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly currentSession: () => Ending;
}

/** The key of {@link ClientInside} in a client. It is the same in every installed copy of this package. */
export const insideOf = Symbol.for('valetkey.client-inside');

/** The end of something that never ends. */
export const neverEnding: Ending = { ended: false, onEnd: () => () => undefined };

const inTheAbsenceOfAClient: ClientInside = {
  clock: deviceClock,
  timeoutMs: 10_000,
  currentSession: () => neverEnding,
};

/** Returns the inside of a client. An object that a test wrote in place of a client has defaults. */
export function lookInside(client: object): ClientInside {
  return (client as { [insideOf]?: ClientInside })[insideOf] ?? inTheAbsenceOfAClient;
}

/** Throws a `TypeError` unless `client` has the functions `names` of a client. */
export function checkClient(client: unknown, where: string, ...names: readonly string[]): void {
  const functions = client as Record<string, unknown> | null | undefined;
  if (names.every((name) => typeof functions?.[name] === 'function')) return;
  throw new TypeError(`${where}: the first argument must be a client of \`createValetClient\`.`);
}

/** Calls `listener` after each `signOut` of a client. Returns a function that ends this. */
export function followSignOuts(client: object, listener: () => void): () => void {
  let stop: () => void = () => undefined;
  const follow = () => {
    stop = lookInside(client)
      .currentSession()
      .onEnd(() => {
        follow();
        listener();
      });
  };
  follow();
  return () => stop();
}
