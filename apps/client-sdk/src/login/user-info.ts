import { settleWithin, type Ending } from '../calls/deadline.ts';
import { isCode } from '../session/session-errors.ts';
import type { Session } from '../session/session-types.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import type { UserInfo } from './login-types.ts';
import type { LoginTicket, Provider } from './provider.ts';

export interface UserInfoDependencies extends Pick<ParsedLoginOptions, 'clock' | 'timeoutMs'> {
  readonly provider: Provider;
  readonly session: Session<LoginTicket>;
  readonly ending: () => Ending;
}

/**
 * Resolves with the claims about the user. If the provider refuses the access token, the function refreshes it, which
 * shows whether the session still exists.
 */
export async function fetchUserInfo(
  { clock, timeoutMs, provider, session, ending }: UserInfoDependencies,
  callerSignal: AbortSignal | undefined,
): Promise<UserInfo> {
  const claimsWith = (token: string) => {
    const { subject = '' } = session.state.details;
    const deadline = { clock, timeoutMs, signal: callerSignal, ending: ending() };
    return settleWithin(deadline, ({ signal }) => provider.userInfo(token, subject, signal));
  };
  const token = await session.accessToken({ signal: callerSignal });
  try {
    return await claimsWith(token);
  } catch (error) {
    if (!isCode(error, 'invalid_token')) throw error;
  }
  return claimsWith(await session.accessToken({ signal: callerSignal, refused: token }));
}
