/**
 * The claims of a JWT, or nothing where it is none. The signature is not looked at: the token is another's, and nothing
 * but its age and whom it is about is read.
 */
export function readJwtPayload(token: string): Readonly<Record<string, unknown>> | undefined {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.slice(start, end), 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined;
  } catch {
    return undefined;
  }
}

/** Whole seconds between a JWT's `iat` and `exp`, or nothing where it does not say. */
export function jwtLifetimeSeconds(token: string): number | undefined {
  const { iat, exp } = readJwtPayload(token) ?? {};
  if (typeof iat !== 'number' || typeof exp !== 'number') return undefined;
  const seconds = Math.floor(exp - iat);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined;
}
