import { settleWithin, type Ending } from '../deadline.ts';
import type { Session } from '../session/session-types.ts';
import { loginError } from './login-errors.ts';
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
  const deadline = { clock, timeoutMs, signal: callerSignal, what: 'The request for the claims of the user' };
  const claimsWith = (token: string) => {
    const { subject = '' } = session.state.details;
    return settleWithin({ ...deadline, ending: ending() }, ({ signal }) => provider.userInfo(token, subject, signal));
  };
  const token = await session.accessToken({ signal: callerSignal });
  const claims = await claimsWith(token);
  if (claims !== undefined) return claims;
  const fresh = await session.accessToken({ signal: callerSignal, refused: token });
  const second = await claimsWith(fresh);
  if (second !== undefined) return second;
  throw loginError('invalid_token', 'The provider refused a new access token when asked for the claims of the user.', {
    status: 401,
  });
}
