import { ValetKeyError, type Clock, type Secret } from '@valetkey/core-types';
import type { GrantedToken } from './client-credentials.ts';
import type { Operation } from './door/door.ts';

/** Keeps an access token that a vendor grants to a client for the client's own calls. */
export interface AccessTokenKeeper {
  /**
   * Calls with the token. The token is requested if there is none or if it is about to expire, once for all calls that wait
   * for it. If the vendor refuses the token with a 401, the call is sent once more with a new token. `operation` bounds how
   * long this call waits for the token; other calls may wait longer.
   */
  readonly use: <Result>(operation: Operation, call: (accessToken: Secret) => Promise<Result>) => Promise<Result>;
}

const maxMarginSeconds = 60;
/** If a token below this age is refused, its age is not the reason, and a new token would be refused too. */
const youngMs = 10_000;
/** The lifetime of a token whose grant names none. */
const defaultLifetimeSeconds = 300;

/**
 * Creates a keeper, which holds the token of `request` in memory until shortly before it expires. A failure is not kept.
 *
 * @example
 * ```ts
 * const keeper = createAccessTokenKeeper(() => requestClientCredentialsToken(door.begin(), grant), clock);
 * const response = await keeper.use(operation, (token) => operation.send(callWith(token)));
 * ```
 */
export function createAccessTokenKeeper(request: () => Promise<GrantedToken>, clock: Clock): AccessTokenKeeper {
  let kept: { readonly token: Secret; readonly grantedAtMs: number; readonly staleAtMs: number } | undefined;
  let requested: Promise<Secret> | undefined;

  const renew = async (): Promise<Secret> => {
    const { accessToken, expiresInSeconds = defaultLifetimeSeconds } = await request();
    const marginSeconds = Math.min(maxMarginSeconds, expiresInSeconds / 2);
    const grantedAtMs = clock.monotonicMs();
    kept = { token: accessToken, grantedAtMs, staleAtMs: grantedAtMs + (expiresInSeconds - marginSeconds) * 1_000 };
    return accessToken;
  };
  const current = (): Promise<Secret> => {
    if (kept !== undefined && clock.monotonicMs() < kept.staleAtMs) return Promise.resolve(kept.token);
    requested ??= renew().finally(() => {
      requested = undefined;
    });
    return requested;
  };

  return {
    async use(operation, call) {
      const token = await operation.waitFor(current());
      try {
        return await call(token);
      } catch (failure) {
        if (!isUnauthorized(failure)) throw failure;
        // Another call may have replaced the token already.
        if (kept?.token === token) {
          if (clock.monotonicMs() - kept.grantedAtMs < youngMs) throw failure;
          kept = undefined;
        }
      }
      return call(await operation.waitFor(current()));
    },
  };
}

function isUnauthorized(failure: unknown): boolean {
  const cause = ValetKeyError.isInstance(failure) ? failure.cause : undefined;
  return cause?.type === 'vendor_status' && cause.status === 401;
}
