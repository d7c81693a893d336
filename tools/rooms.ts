/**
 * The rooms of a package: the folders of its `src/`, and which of them may import which.
 *
 * A file may import its own room and every room of a level below. Files directly in `src/` may import every room.
 * `testing/` and `__fixtures__/` are no rooms, and a test may import anything.
 */
export interface RoomPlan {
  /**
   * The levels from the top down. Rooms of one level never import each other: to let one of them import the other, put
   * them on two levels. `vendors/*` makes each folder or file of `vendors/` a room of its own.
   */
  readonly levels: readonly (readonly string[])[];
  /** Files directly in `src/` that every room may import, because they hold nothing but words: types, names, errors. */
  readonly words: readonly string[];
  /** Rooms that run what the files directly in `src/` compose, and may import these files. */
  readonly programs?: readonly string[];
}

/** By the name of the package's folder. A package without an entry has no rooms. */
export const roomPlans: Readonly<Record<string, RoomPlan>> = {
  'jwt-verify': {
    levels: [
      ['adapters'],
      ['verify'],
      ['opaque', 'dpop', 'revocation', 'providers'],
      ['keys'],
      ['signatures', 'provider-http', 'token'],
    ],
    words: [],
  },
  'token-cache': {
    levels: [['cache'], ['renewal'], ['stores']],
    words: [],
  },
  'vendor-clients': {
    levels: [['vendors/*'], ['recipe'], ['kit']],
    words: [],
  },
  sandbox: {
    levels: [['vendors/*', 'identity', 'recipe'], ['engine']],
    words: [],
  },
  broker: {
    levels: [
      ['cli'],
      ['http'],
      ['vendors'],
      ['policy', 'audit'],
      ['identity'],
      ['telemetry'],
      ['storage'],
      ['config'],
      ['secrets'],
    ],
    words: [],
    programs: ['cli'],
  },
  'client-sdk': {
    levels: [
      ['react', 'vendors', 'login'],
      ['session', 'client'],
      ['storage', 'http'],
      ['calls'],
      ['checks'],
      ['errors'],
    ],
    words: [],
  },
};
