/** What a vendor's word about a token's life comes to. */
export interface LifetimeRules {
  /** Seconds for a token whose vendor did not say, or said nothing that is a number. */
  readonly defaultLifetimeSeconds: number;
  /** No token is kept longer than these seconds, whatever its vendor said. */
  readonly maxLifetimeSeconds: number;
}

const asNumber = (said: unknown): number => {
  if (typeof said === 'number') return said;
  return typeof said === 'string' && said.trim() !== '' ? Number(said) : Number.NaN;
};

/**
 * Seconds of life, whatever `expires_in` said: a number or a number in text (`"300"`) is taken, an absurd one is cut to
 * the maximum, and what is no number at all is the default. Zero or less means that the token is over already.
 */
export const lifetimeSeconds = (said: unknown, rules: LifetimeRules): number => {
  const seconds = asNumber(said);
  return Math.min(
    Number.isNaN(seconds) ? rules.defaultLifetimeSeconds : Math.max(seconds, 0),
    rules.maxLifetimeSeconds,
  );
};

/**
 * How long before its end a token is refreshed: `min(margin, life / 2)`, and up to a tenth more or less by chance, so
 * that tokens issued together are not refreshed together.
 */
export const refreshMarginMs = (lifeMs: number, marginSeconds: number, random: () => number): number =>
  Math.min(marginSeconds * 1000, lifeMs / 2) * (0.9 + 0.2 * random());

/** Milliseconds that an answered token has left at the least; where nobody said, 10 s or a tenth of a short life. */
export const needOrDefault = (minRemainingSeconds: number | undefined, lifeMs: number): number =>
  minRemainingSeconds === undefined ? Math.min(10_000, lifeMs / 10) : minRemainingSeconds * 1000;
