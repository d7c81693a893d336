import { ValetKeyError } from '@valetkey/core-types';

/** The bounds of {@link createPlaces}. */
export interface PlaceLimits {
  readonly underWay: number;
  readonly waiting: number;
}

/** Runs tasks, some at one time. */
export interface Places {
  /**
   * Runs a task as soon as a place is free, in the order of arrival.
   *
   * @throws {ValetKeyError} `overloaded` if too many tasks are waiting.
   */
  readonly run: <Result>(task: () => Promise<Result>) => Promise<Result>;
}

/** Creates places for look-ups at a provider, and a bounded queue. */
export function createPlaces({ underWay: maxUnderWay, waiting: maxWaiting }: PlaceLimits): Places {
  const waiting: (() => void)[] = [];
  let underWay = 0;

  const takePlace = (): Promise<void> | undefined => {
    if (underWay < maxUnderWay) {
      underWay += 1;
      return undefined;
    }
    if (waiting.length >= maxWaiting) {
      throw new ValetKeyError('overloaded', 'Too many opaque tokens are being looked up.', { retryAfterSeconds: 1 });
    }
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  };

  const leavePlace = (): void => {
    const next = waiting.shift();
    if (next === undefined) underWay -= 1;
    else next();
  };

  return {
    run: async (task) => {
      await takePlace();
      try {
        return await task();
      } finally {
        leavePlace();
      }
    },
  };
}
