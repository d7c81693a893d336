// Each sentence of the vendors' pages that asks something of an app has a test whose title quotes it.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../workspace.ts';

const sentences: Readonly<Record<string, readonly string[]>> = {
  Nabla: [
    'will call SessionTokenProvider only when it needs it',
    'when the cached refresh token has expired',
    'you should never do this call from your app',
    'when the app needs them, they need to be fresh',
  ],
  Nudge: [
    'Returns a valid short-lived token or null',
    'operational immediately after user authentication',
    'call your refreshToken method whenever the token expires',
  ],
  Nymbl: ['Store them securely and never expose them in client-side code'],
  Authgear: [
    'No network call will be triggered during configure.',
    'value can be NO_SESSION or AUTHENTICATED.',
    'the session state is cached locally and only updated after each server call.',
    'You will call fetchUserInfo as soon as possible',
    'it will change to NO_SESSION if the session is invalid',
    'need to be regularly rotated by Refresh token',
    'The fetch function will include Authorization header in your application request, and handle refresh access token automatically.',
    'authgear.fetch implement fetch',
    'Call refreshAccessTokenIfNeeded every time before using the access token',
    'accessToken can be string or undefined.',
    'include Authorization header in your application request',
    'the refresh token maybe expired or revoked',
    'If the session is revoked from the management portal',
    'if you want to clear the session state locally, call clearSessionState',
  ],
  Vital: [
    'you would sign in your authenticated user only once',
    'it is unnecessary to request and sign-in with the Vital Sign-In Token every time your app launches',
    'When the user signs out from your app, you would also sign out',
    'Only if a discrepancy is detected',
    'The SDK automatically signed out, because it had detected the deletion of the Vital User',
    'Each app installation can only have one active signed-in Vital User',
    'signIn() throws an error when you have already signed in',
    'discards the Vital Sign-In Token upon a successful exchange',
    'transparently manages the OAuth 2.0 refresh token flow',
    'This erases any persistent user session',
    'Check whether the Vital SDK status includes useApiKey',
    'it is unnecessary to reset the SDK beforehand',
    'having the same Vital user ID, same Vital environment, and same Vital region',
  ],
};

const titles = globSync(['apps/client-sdk/src/**/*.test.ts', 'tools/clients/vendor-sessions.test.ts'], { cwd: root })
  .flatMap((file) => readFileSync(join(root, file), 'utf8').match(/^ *(?:test|\)\()(?:\.each)?.*$/gm) ?? [])
  .join('\n');

test.each(Object.entries(sentences))('the sentences of %s about an app are titles of tests', (_, quotes) => {
  expect(quotes.filter((quote) => !titles.includes(quote))).toEqual([]);
});
