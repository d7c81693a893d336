import { createValetClient } from '@valetkey/client-sdk';
import { createLogin } from '@valetkey/client-sdk/login';
import { indexedDbStorage } from '@valetkey/client-sdk/session';

// The server renders the page, too, but it signs no user in: the session exists only in the browser.
export const origin = globalThis.location?.origin ?? 'http://127.0.0.1:3000';

// The addresses of `pnpm start`. In production, they are those of your broker and your identity provider.
export const login = createLogin({
  clientId: 'my-app',
  issuer: process.env.NEXT_PUBLIC_ISSUER ?? 'http://127.0.0.1:8790/idp',
  redirectUri: `${origin}/`,
  storage: indexedDbStorage(),
  allowedOrigins: [origin],
});

export const valet = createValetClient({
  brokerUrl: process.env.NEXT_PUBLIC_BROKER_URL ?? 'http://127.0.0.1:8787',
  getAppToken: login.getAppToken,
});

// A sign-out, here or in another tab, ends what the user has at the vendors.
login.onSessionStateChange((state) => {
  if (state === 'NO_SESSION') valet.signOut();
});

/** Ends a sign-in if the identity provider has just returned to the app. */
export async function finishSignIn(): Promise<void> {
  if (!new URLSearchParams(location.search).has('state')) return;
  const callbackUrl = location.href;
  history.replaceState(null, '', '/');
  await login.finishAuthorization(callbackUrl);
}
