import { expect, test } from 'vitest';
import { authgearAppToken, type AuthgearContainer } from './authgear.ts';

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

test('authgearAppToken resolves with undefined when there is no session', async () => {
  const { container, state } = containerOf();
  state.sessionState = 'NO_SESSION';

  expect(await authgearAppToken(container)({ forceRefresh: false, signal })).toBeUndefined();
});

test('authgearAppToken rejects when refreshAccessTokenIfNeeded rejects', async () => {
  const { container } = containerOf({ refreshAccessTokenIfNeeded: () => Promise.reject(new Error('offline')) });

  await expect(authgearAppToken(container)({ forceRefresh: false, signal })).rejects.toThrow('offline');
});

test('authgearAppToken resolves with undefined when Authgear has revoked the session', async () => {
  const { container, state, calls } = containerOf({
    fetchUserInfo: async () => {
      Object.assign(state, { sessionState: 'NO_SESSION', accessToken: undefined });
      throw new Error('invalid_grant');
    },
  });
  state.accessToken = 'revoked';

  expect(await authgearAppToken(container)({ forceRefresh: true, signal })).toBeUndefined();
  expect(calls).toEqual(['refreshAccessTokenIfNeeded']);
});

test('authgearAppToken rejects when the broker refused the token and Authgear is unreachable', async () => {
  const { container } = containerOf({ fetchUserInfo: () => Promise.reject(new Error('offline')) });

  await expect(authgearAppToken(container)({ forceRefresh: true, signal })).rejects.toThrow('offline');
});
