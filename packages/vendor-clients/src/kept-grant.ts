import { ValetKeyError, type Clock, type Secret } from '@valetkey/core-types';
import type { GrantedToken } from './client-credentials.ts';
import type { Operation } from './door/door.ts';

/** An access token that a client keeps for its own calls. */
export interface KeptGrant {
  /**
   * Makes a call with the token, which is asked for when there is none or its end is near, once for all calls. Where
   * the vendor does not take it (401), the call is made once more with a new one. `operation` bounds how long this caller
   * waits for the token; the others go on waiting.
   */
  readonly use: <Result>(operation: Operation, call: (accessToken: Secret) => Promise<Result>) => Promise<Result>;
}

const longestMarginSeconds = 60;
/** One that is refused so young is not what is wrong: its successor would fare no better. */
const youngMs = 10_000;
/** Life of a token that does not say how long it has. */
const usualLifetimeSeconds = 300;

/** Keeps what `request` answers for as long as it lives. A failure is not kept. */
export function keepGrant(request: () => Promise<GrantedToken>, clock: Clock): KeptGrant {
  let kept: { readonly token: Secret; readonly grantedAtMs: number; readonly endsAtMs: number } | undefined;
  let asking: Promise<Secret> | undefined;

  const ask = async (): Promise<Secret> => {
    const { accessToken, expiresInSeconds = usualLifetimeSeconds } = await request();
    const marginSeconds = Math.min(longestMarginSeconds, expiresInSeconds / 2);
    const grantedAtMs = clock.monotonicMs();
    kept = { token: accessToken, grantedAtMs, endsAtMs: grantedAtMs + (expiresInSeconds - marginSeconds) * 1_000 };
    return accessToken;
  };
  const current = (): Promise<Secret> => {
    if (kept !== undefined && clock.monotonicMs() < kept.endsAtMs) return Promise.resolve(kept.token);
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };

  return {
    async use(operation, call) {
      const token = await operation.waitFor(current());
      try {
        return await call(token);
      } catch (failure) {
        if (!ValetKeyError.isInstance(failure) || failure.reason !== 'status_401') throw failure;
        // Another call may have replaced it already.
        if (kept?.token === token) {
          if (clock.monotonicMs() - kept.grantedAtMs < youngMs) throw failure;
          kept = undefined;
        }
      }
      return call(await operation.waitFor(current()));
    },
  };
}
