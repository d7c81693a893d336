/** Says whether one more call may be a repetition. */
export interface RetryBudget {
  /** A first call pays a share of a repetition in. */
  readonly deposit: () => void;
  /** Takes a whole repetition out, if there is one. */
  readonly withdraw: () => boolean;
}

/** Repetitions for every call: a vendor in trouble meets at most a tenth more calls than it would without them. */
const share = 0.1;
/** Repetitions that can be saved up. */
const capacity = 10;

/** Makes a budget that has enough for the first call's repetition. */
export function createRetryBudget(): RetryBudget {
  let balance = 1 - share;
  return {
    deposit: () => {
      balance = Math.min(balance + share, capacity);
    },
    withdraw: () => {
      // Ten tenths are a little less than one in binary.
      if (balance < 1 - 1e-9) return false;
      balance -= 1;
      return true;
    },
  };
}
