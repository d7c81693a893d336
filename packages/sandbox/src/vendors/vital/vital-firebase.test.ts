import { deleteApp, initializeApp, type FirebaseApp } from '@firebase/app';
import {
  connectAuthEmulator,
  initializeAuth,
  inMemoryPersistence,
  signInWithCustomToken,
  type Auth,
} from '@firebase/auth';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, type Sandbox } from '../../index.ts';

const signInTokenSchema = z.object({ public_key: z.string(), user_token: z.string() });

let sandbox: Sandbox;
let app: FirebaseApp;
let auth: Auth;
let userId: string;
let userToken: string;

beforeEach(async () => {
  sandbox = await createSandbox();
  ({ userId } = sandbox.vital.createUser('alice'));
  const response = await fetch(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {
    method: 'POST',
    headers: { 'x-vital-api-key': sandbox.credentials.vital.apiKey },
  });
  const { sign_in_token: signInToken } = z.object({ sign_in_token: z.string() }).parse(await response.json());
  const decoded = signInTokenSchema.parse(JSON.parse(Buffer.from(signInToken, 'base64').toString()));
  userToken = decoded.user_token;
  app = initializeApp({ apiKey: decoded.public_key, projectId: 'vital-id' }, crypto.randomUUID());
  auth = initializeAuth(app, { persistence: inMemoryPersistence });
  connectAuthEmulator(auth, sandbox.origin, { disableWarnings: true });
  auth.tenantId = 'sandbox-tenant-us';
});
afterEach(async () => {
  await deleteApp(app);
  await sandbox.close();
});

test("@firebase/auth exchanges a user token of Vital and refreshes the ID token, as Vital's older SDKs do", async () => {
  const { user } = await signInWithCustomToken(auth, userToken);
  expect(user.uid).toBe(userId);
  const before = await user.getIdToken();
  const after = await user.getIdToken(true);
  expect(after).not.toBe(before);
  expect(sandbox.calls()['vital-auth']).toEqual({
    'POST /identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken': 1,
    'POST /identitytoolkit.googleapis.com/v1/accounts:lookup': 1,
    'POST /securetoken.googleapis.com/v1/token': 1,
  });
});

test('@firebase/auth rejects with auth/user-token-expired after Vital deleted the user', async () => {
  const { user } = await signInWithCustomToken(auth, userToken);
  sandbox.vital.deleteUser(userId);
  await expect(user.getIdToken(true)).rejects.toMatchObject({ code: 'auth/user-token-expired' });
  await expect(signInWithCustomToken(auth, userToken)).rejects.toMatchObject({ code: 'auth/user-token-expired' });
});

test("@firebase/auth rejects after Vital disabled the user, and after Vital revoked the user's sessions", async () => {
  const { user } = await signInWithCustomToken(auth, userToken);
  sandbox.vital.disableUser(userId);
  await expect(user.getIdToken(true)).rejects.toMatchObject({ code: 'auth/user-disabled' });
  // The SDK signs a disabled user out.
  expect(auth.currentUser).toBeNull();
  sandbox.vital.enableUser(userId);
  const { user: signedInAgain } = await signInWithCustomToken(auth, userToken);
  sandbox.vital.revokeSessions(userId);
  await expect(signedInAgain.getIdToken(true)).rejects.toMatchObject({ code: 'auth/user-token-expired' });
});

test('the sandbox refuses a forged user token of Vital, and one that is sent with another tenant', async () => {
  await expect(signInWithCustomToken(auth, `${userToken.slice(0, -8)}AAAAAAAA`)).rejects.toMatchObject({
    code: 'auth/invalid-custom-token',
  });
  auth.tenantId = 'another-tenant';
  await expect(signInWithCustomToken(auth, userToken)).rejects.toMatchObject({ code: 'auth/tenant-id-mismatch' });
});
