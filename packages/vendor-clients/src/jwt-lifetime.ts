import { z } from 'zod';

const timesSchema = z.object({ iat: z.number(), exp: z.number() });

/**
 * Whole seconds between a JWT's `iat` and `exp`, or nothing where it does not say. The signature is not looked at: the
 * token is another's, and only its own age is read.
 */
export function jwtLifetimeSeconds(token: string): number | undefined {
  const times = timesSchema.safeParse(readPayload(token));
  if (!times.success) return undefined;
  const seconds = Math.floor(times.data.exp - times.data.iat);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined;
}

function readPayload(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
