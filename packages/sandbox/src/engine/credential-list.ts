import { z } from 'zod';

/** Parses credentials that a vendor's console would set. */
export const credentialsSchema = z.array(z.string().min(1)).readonly();

/** The values of one credential that a simulated vendor accepts. */
export interface CredentialList {
  readonly accepts: (value: unknown) => boolean;
  /** Accepts only these values from now on; an empty list refuses every value. */
  readonly replace: (values: readonly string[]) => void;
}

/** Creates a list that accepts the given values until they are replaced. */
export function createCredentialList(values: readonly string[]): CredentialList {
  let accepted = new Set<unknown>(values);
  return {
    accepts: (value) => accepted.has(value),
    replace(next) {
      accepted = new Set(next);
    },
  };
}
