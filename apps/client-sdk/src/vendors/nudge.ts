import { requireStringFields } from '../client/broker-response.ts';
import { checkClient, lookInside } from '../calls/client-inside.ts';
import type { IssueParameters } from '../client/call-options.ts';
import type { ValetClient } from '../client/client.ts';
import { settleWithin } from '../calls/deadline.ts';
import type { ConnectionOption, OptionsParameter } from '../client/register.ts';
import { ValetError } from '../errors/valet-error.ts';
import { parseConnection } from './connection.ts';
import { deviceIsOnline } from './online.ts';

/** The options of {@link nudgeRefreshToken}. */
export interface NudgeRefreshTokenOptions extends ConnectionOption<'nudge'> {
  /**
   * Resolves with true when the device is online again, or at once with false if it was online all the time. `signal` aborts
   * when the call has ended. Default: the `online` event of browsers. React Native has no such event: use NetInfo.
   */
  readonly whenOnline?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Milliseconds to wait for the device to be online. Default: 5000. */
  readonly maxWaitMs?: number | undefined;
}

/**
 * Creates the function that `Nudge.registerRefreshToken` expects. It resolves with a short-lived token, or with null if
 * the call fails, for example because the user is signed out. It never rejects; the client's `onEvent` receives the code of
 * the error. It can be registered before the user signs in: it gives a token as soon as `getAppToken` does.
 *
 * If the device is offline, such as when it wakes from sleep, the function waits until it is online and requests the token
 * once more. The token is bound to the company's account, so concurrent calls share one request.
 *
 * Throws a `TypeError` that names an invalid argument.
 *
 * @example
 * ```ts
 * import { nudgeRefreshToken } from '@valetkey/client-sdk';
 *
 * Nudge.registerRefreshToken(nudgeRefreshToken(valet));
 * ```
 */
export function nudgeRefreshToken(
  valet: ValetClient,
  parameters?: IssueParameters,
  ...[options = {}]: OptionsParameter<NudgeRefreshTokenOptions>
): () => Promise<string | null> {
  checkClient(valet, 'nudgeRefreshToken', 'issue');
  const [connection, check] = parseConnection('nudgeRefreshToken', 'nudge', options, ['whenOnline', 'maxWaitMs']);
  const { whenOnline = deviceIsOnline, maxWaitMs = 5000 } = options;
  check(typeof whenOnline === 'function', 'whenOnline', 'must be a function');
  check(typeof maxWaitMs === 'number' && maxWaitMs > 0 && maxWaitMs < 2 ** 31, 'maxWaitMs', 'must be above 0');

  const request = async () =>
    requireStringFields(await valet.issue(connection, parameters, { shared: true }), 'token').token;
  const becomesOnline = () => {
    const { clock, currentSession } = lookInside(valet);
    const deadline = { clock, timeoutMs: maxWaitMs, ending: currentSession() };
    return settleWithin(deadline, ({ signal }) => whenOnline(signal));
  };
  return async () => {
    try {
      return await request().catch(async (error: unknown) => {
        const isUnreachable = ValetError.isInstance(error) && error.code === 'network_unavailable';
        if (isUnreachable && (await becomesOnline()) === true) return request();
        throw error;
      });
    } catch {
      return null;
    }
  };
}
