import type { ValetClock } from '../calls/clock.ts';
import { createValetClient } from '../client/client.ts';
import type { VitalCore } from '../vendors/vital-device.ts';
import { issued, session, startFakeBroker, type FakeResponse } from './fake-broker.ts';

export const alice = 'e209947b-323e-4108-8e18-1518b80da0bd';
export const bob = '0a1b2c3d-323e-4108-8e18-1518b80da0bd';
export const withApiKey = ['configured', 'signedIn', 'useApiKey'] as const;

/** Creates a fake of Vital's SDK for Android. Like that SDK, it throws at `signIn` if a user is signed in by token. */
export function vitalCore(userId?: string, status: readonly string[] = ['configured', 'signedIn', 'useSignInToken']) {
  const calls: string[] = [];
  let held = userId === undefined ? undefined : { userId, status: new Set(status) };
  const core: VitalCore = {
    status: async () => [...(held?.status ?? [])],
    currentUserId: async () => held?.userId ?? null,
    signIn: async (token) => {
      calls.push(`signIn ${token}`);
      if (held?.status.has('useSignInToken') && !held.status.has('pendingReauthentication')) {
        throw new Error('alreadySignedIn');
      }
      held = {
        userId: token.replace('token-of-', ''),
        status: new Set(['configured', 'signedIn', 'useSignInToken']),
      };
    },
    signOut: async () => {
      calls.push('signOut');
      held = undefined;
    },
  };
  return { core, calls, current: () => held?.userId };
}

/** How the fake broker responds. */
export interface Setting {
  /** The Vital user that the broker issues tokens for. */
  readonly appUser?: string;
  /** Whether the response to `GET /v1/session` contains the Vital user. */
  readonly known?: boolean;
  readonly issueResponse?: FakeResponse;
  readonly sessionResponse?: FakeResponse;
  readonly clock?: ValetClock;
}

/** Creates a client of a fake broker with the vendor Vital, in the environment `sandbox` and the region `us`. */
export async function valetWithVital(setting: Setting = {}) {
  const { appUser = alice, known = true, clock } = setting;
  const user = { appToken: 'app-token' as string | null, vitalId: appUser, subject: 'alice' };
  const responses = { issue: setting.issueResponse, session: setting.sessionResponse };
  const broker = await startFakeBroker(({ path }) => {
    if (path === '/v1/session') return responses.session ?? session(known ? user.vitalId : undefined, user.subject);
    const fields = { user_id: user.vitalId, sign_in_token: `token-of-${user.vitalId}` };
    return responses.issue ?? issued('vital', { ...fields, environment: 'sandbox', region: 'us' });
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => user.appToken, clock });
  const issueCount = () => broker.requests.filter(({ path }) => path.endsWith('/token')).length;
  return { valet, user, issueCount, responses, broker };
}
