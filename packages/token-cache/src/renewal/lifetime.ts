/** The default and the limit of a token's life. */
export interface LifetimeRules {
  /** Seconds that a token lives if the vendor's `expires_in` is absent or not a number. */
  readonly defaultLifetimeSeconds: number;
  /** The longest life of a token in seconds, even if the vendor's `expires_in` is higher. */
  readonly maxLifetimeSeconds: number;
}

/**
 * Returns the seconds that a token lives according to the vendor's `expires_in`: a number, or a number as text
 * (`"300"`), up to the maximum. Any other value means the default. The result is zero if the token has already expired.
 */
export function lifetimeSeconds(expiresIn: unknown, rules: LifetimeRules): number {
  const seconds = toNumber(expiresIn);
  return Math.min(
    Number.isNaN(seconds) ? rules.defaultLifetimeSeconds : Math.max(seconds, 0),
    rules.maxLifetimeSeconds,
  );
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

/**
 * Returns the milliseconds between a token's renewal and its expiry: `min(margin, life / 2)`, changed at random by up
 * to a tenth. Without the change, tokens that were issued together would be renewed together.
 */
export function refreshMarginMs(lifeMs: number, marginSeconds: number, random: () => number): number {
  return Math.min(marginSeconds * 1000, lifeMs / 2) * (0.9 + 0.2 * random());
}

/**
 * Returns the milliseconds of life that a returned token must still have. Without `minRemainingSeconds`: 10 s, or a
 * tenth of a life shorter than 100 s.
 */
export function minRemainingLifeMs(minRemainingSeconds: number | undefined, lifeMs: number): number {
  return minRemainingSeconds === undefined ? Math.min(10_000, lifeMs / 10) : minRemainingSeconds * 1000;
}
