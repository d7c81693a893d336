import { createLogin } from '../login/login.ts';
import type { LoginOptions } from '../login/login-types.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { clientId, createFakeProvider, issuer, redirectUri } from './fake-provider.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** Creates a login at a fake provider, on a virtual clock. `signIn` completes a sign-in. */
export function createTestLogin(options: Partial<LoginOptions> = {}, metadata: object = {}) {
  const time = createVirtualClock(Date.now());
  const provider = createFakeProvider(time.clock, metadata);
  const changes: string[] = [];
  const login = createLogin({
    clientId,
    issuer,
    redirectUri,
    storage: memoryStorage(),
    pendingStorage: memoryStorage(),
    fetch: provider.fetch,
    clock: time.clock,
    onSessionStateChange: (state, reason) => changes.push(`${state} ${reason}`),
    ...options,
  });
  const signIn = async () => login.finishAuthorization(provider.signIn(await login.authorize()));
  return { login, provider, signIn, changes, ...time };
}
