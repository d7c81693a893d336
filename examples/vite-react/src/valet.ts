import { createValetClient, nymblFetch, vitalReconcile } from '@valetkey/client-sdk';
import { createLogin } from '@valetkey/client-sdk/login';
import { createNablaSession, createVitalSession, indexedDbStorage } from '@valetkey/client-sdk/session';

// The addresses of `pnpm start`. In production, the broker is yours, and the sandbox is the vendors' own servers.
const brokerUrl = import.meta.env['VITE_BROKER_URL'] ?? 'http://127.0.0.1:8787';
const sandboxUrl = import.meta.env['VITE_SANDBOX_URL'] ?? 'http://127.0.0.1:8790';

export const login = createLogin({
  clientId: 'my-app',
  issuer: `${sandboxUrl}/idp`, // at Authgear, `endpoint: 'https://my-project.authgear.cloud'`
  redirectUri: `${location.origin}/callback`,
  storage: indexedDbStorage({ name: 'login' }),
});

export const valet = createValetClient({ brokerUrl, getAppToken: login.getAppToken });

export const vital = createVitalSession(valet, {
  storage: indexedDbStorage({ name: 'vital' }),
  authUrl: () => `${sandboxUrl}/vital-auth`,
  apiUrl: () => `${sandboxUrl}/vital`,
});
export const reconcileVital = vitalReconcile(valet, vital);

const nablaStorage = indexedDbStorage({ name: 'nabla' });
export const openNabla = (userId: string) =>
  createNablaSession(valet, { userId, storage: nablaStorage, baseUrl: `${sandboxUrl}/nabla` });

export const nymbl = nymblFetch(valet);

// A sign-out, here or in another tab, ends what the user has at the vendors.
login.onSessionStateChange((state) => {
  if (state === 'NO_SESSION') valet.signOut();
});
