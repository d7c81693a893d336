import { createValetClient } from '@valetkey/client-sdk';
import { createLogin } from '@valetkey/client-sdk/login';
import { secureStoreStorage } from '@valetkey/client-sdk/session';
import * as Crypto from 'expo-crypto';
import * as SecureStore from 'expo-secure-store';
import * as WebBrowser from 'expo-web-browser';

const redirectUri = 'com.example.valetkey://callback';

// The addresses of `pnpm start`. In production, they are those of your broker and your identity provider.
export const login = createLogin({
  clientId: 'my-app',
  issuer: process.env.EXPO_PUBLIC_ISSUER ?? 'http://127.0.0.1:8790/idp',
  redirectUri,
  storage: secureStoreStorage(SecureStore),
  randomBytes: (length) => Crypto.getRandomBytesAsync(length),
  sha256: (bytes) => Crypto.digest(Crypto.CryptoDigestAlgorithm.SHA256, bytes),
});

export const valet = createValetClient({
  brokerUrl: process.env.EXPO_PUBLIC_BROKER_URL ?? 'http://127.0.0.1:8787',
  getAppToken: login.getAppToken,
});

// A sign-out ends what the user has at the vendors.
login.onSessionStateChange((state) => {
  if (state === 'NO_SESSION') valet.signOut();
});

/** Signs the user in, in the browser of the system. Does nothing more if the user closes it. */
export async function signIn(): Promise<void> {
  const result = await WebBrowser.openAuthSessionAsync(await login.authorize(), redirectUri);
  if (result.type === 'success') await login.finishAuthorization(result.url);
}
