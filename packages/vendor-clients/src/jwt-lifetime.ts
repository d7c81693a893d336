/**
 * Whole seconds between a JWT's `iat` and `exp`, or nothing where it does not say. The signature is not looked at: the
 * token is another's, and only its own age is read.
 */
export function jwtLifetimeSeconds(token: string): number | undefined {
  const payload = readPayload(token);
  if (typeof payload !== 'object' || payload === null || !('iat' in payload) || !('exp' in payload)) return undefined;
  const { iat, exp } = payload;
  if (typeof iat !== 'number' || typeof exp !== 'number') return undefined;
  const seconds = Math.floor(exp - iat);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined;
}

function readPayload(token: string): unknown {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  try {
    return JSON.parse(Buffer.from(token.slice(start, end), 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
