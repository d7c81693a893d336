import { expect, test } from 'vitest';
import { failureOf } from '../testing/failure.ts';
import { authgearAppToken, authgearClearSession, type AuthgearContainer } from './authgear.ts';

const { signal } = new AbortController();

function containerOf(overrides: Partial<AuthgearContainer> = {}) {
  const calls: string[] = [];
  const state = { accessToken: undefined as string | undefined, sessionState: 'AUTHENTICATED' };
  const container: AuthgearContainer = {
    get accessToken() {
      return state.accessToken;
    },
    get sessionState() {
      return state.sessionState;
    },
    refreshAccessTokenIfNeeded: async () => {
      calls.push('refreshAccessTokenIfNeeded');
      if (state.sessionState === 'AUTHENTICATED') state.accessToken = 'access-1';
    },
    fetchUserInfo: async () => void calls.push('fetchUserInfo'),
    ...overrides,
  };
  return { container, calls, state };
}

test('authgearAppToken calls refreshAccessTokenIfNeeded and resolves with the access token', async () => {
  const { container, calls } = containerOf();

  expect(await authgearAppToken(container)({ forceRefresh: false, signal })).toBe('access-1');
  expect(calls).toEqual(['refreshAccessTokenIfNeeded']);
});

test('authgearAppToken resolves with null when there is no session', async () => {
  const { container, state } = containerOf();
  state.sessionState = 'NO_SESSION';

  expect(await authgearAppToken(container)({ forceRefresh: false, signal })).toBeNull();
});

test('authgearAppToken rejects when refreshAccessTokenIfNeeded rejects', async () => {
  const { container } = containerOf({ refreshAccessTokenIfNeeded: () => Promise.reject(new Error('offline')) });

  await expect(authgearAppToken(container)({ forceRefresh: false, signal })).rejects.toThrow('offline');
});

test('authgearAppToken resolves with null when Authgear has revoked the session', async () => {
  const { container, state, calls } = containerOf({
    fetchUserInfo: async () => {
      Object.assign(state, { sessionState: 'NO_SESSION', accessToken: undefined });
      throw new Error('invalid_grant');
    },
  });
  state.accessToken = 'revoked';

  expect(await authgearAppToken(container)({ forceRefresh: true, signal })).toBeNull();
  expect(calls).toEqual(['refreshAccessTokenIfNeeded']);
});

test('authgearAppToken rejects when the broker refused the token and Authgear is unreachable', async () => {
  const { container } = containerOf({ fetchUserInfo: () => Promise.reject(new Error('offline')) });

  await expect(authgearAppToken(container)({ forceRefresh: true, signal })).rejects.toThrow('offline');
});

test.each(['UNKNOWN', 'AUTHENTICATED', 'SOMETHING_NEW'])(
  'authgearAppToken rejects without a sign-out when Authgear has no access token in the state %s',
  async (sessionState) => {
    const { container, state } = containerOf({ refreshAccessTokenIfNeeded: async () => undefined });
    state.sessionState = sessionState;

    await expect(authgearAppToken(container)({ forceRefresh: false, signal })).rejects.toThrow(sessionState);
  },
);

test('authgearAppToken resolves with null in the state NO_SESSION even if the container still has a token', async () => {
  const { container, state } = containerOf();
  Object.assign(state, { sessionState: 'NO_SESSION', accessToken: 'old' });

  expect(await authgearAppToken(container)({ forceRefresh: false, signal })).toBeNull();
});

test('authgearClearSession calls clearSessionState of the container, or of its inner container', async () => {
  const calls: string[] = [];
  const clearSessionState = async () => void calls.push('cleared');

  await authgearClearSession(containerOf({ clearSessionState }).container);
  await authgearClearSession(containerOf({ baseContainer: { clearSessionState } }).container);

  expect(calls).toEqual(['cleared', 'cleared']);
});

test('authgearClearSession rejects with invalid_request when the container has no clearSessionState', async () => {
  expect(await failureOf(authgearClearSession(containerOf().container))).toMatchObject({ code: 'invalid_request' });
});
