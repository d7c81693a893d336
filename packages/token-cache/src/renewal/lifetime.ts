/** How the life of a token is bounded. */
export interface LifetimeRules {
  /** Seconds of life for a token whose vendor names none, or names something that is not a number. */
  readonly defaultLifetimeSeconds: number;
  /** Seconds that every life is limited to, whatever the vendor says. */
  readonly maxLifetimeSeconds: number;
}

/**
 * Returns the seconds of life that a vendor's `expires_in` means. A number, or a number as text (`"300"`), counts and is
 * limited to the maximum; anything else is the default. Zero or less means that the token has expired.
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
 * Returns how long before its expiry a token is refreshed: `min(margin, life / 2)`, changed at random by up to a tenth, so
 * that tokens issued together are not refreshed together.
 */
export function refreshMarginMs(lifeMs: number, marginSeconds: number, random: () => number): number {
  return Math.min(marginSeconds * 1000, lifeMs / 2) * (0.9 + 0.2 * random());
}

/**
 * Returns the milliseconds of life that a returned token must still have. Without `minRemainingSeconds`: 10 s, or a tenth
 * of a life shorter than 100 s.
 */
export function minRemainingLifeMs(minRemainingSeconds: number | undefined, lifeMs: number): number {
  return minRemainingSeconds === undefined ? Math.min(10_000, lifeMs / 10) : minRemainingSeconds * 1000;
}
