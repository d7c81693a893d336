/// <reference lib="dom" />
// Two tabs of one origin in Chromium, whose users sign in at an OpenID provider.
import type { Login } from '@valetkey/client-sdk/login';
import { createSandbox, sandboxCredentials } from '@valetkey/sandbox';
import type { Browser, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { startOpenidProvider } from '../../apps/client-sdk/src/testing/openid-provider.ts';
import { clientId, redirectUri } from '../../apps/client-sdk/src/testing/fake-provider.ts';
import { servePage } from '../testing/client-page.ts';

/** What the script of a tab can use. */
export interface TabWindow {
  readonly login: Login;
  readonly states: string[];
  readonly renew: () => Promise<string | null>;
}

/** An identity provider for the tabs. */
export interface TabProvider {
  readonly options: { readonly clientId: string; readonly issuer?: string; readonly endpoint?: string };
  /** The path of its token endpoint. */
  readonly tokenPath: string;
  /** Resolves with the callback of a sign-in. */
  readonly visit: (authorizationUrl: string) => Promise<string>;
}

/** A simulated Authgear, whose refresh tokens work once. */
export async function startAuthgear(): Promise<TabProvider> {
  const sandbox = await createSandbox({ authgear: { rotateRefreshTokens: true } });
  onTestFinished(() => sandbox.close());
  const endpoint = sandbox.urls.authgear;
  return {
    options: { clientId: sandboxCredentials.authgear.clientId, endpoint },
    tokenPath: '/oauth2/token',
    visit: async (authorizationUrl) => {
      const { searchParams } = new URL(authorizationUrl);
      const pick = (name: string) => searchParams.get(name);
      const body = JSON.stringify({
        sub: 'alice',
        redirect_uri: redirectUri,
        code_challenge: pick('code_challenge'),
        nonce: pick('nonce'),
        scope: pick('scope'),
      });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${endpoint}/dev-code`, { method: 'POST', headers, body });
      const { code } = (await response.json()) as { code: string };
      return `${redirectUri}?${new URLSearchParams({ code, state: pick('state') ?? '' })}`;
    },
  };
}

/** The library oidc-provider, which ends the whole session when a refresh token is used twice. */
export async function startStrictProvider(): Promise<TabProvider> {
  const { issuer, visit } = await startOpenidProvider();
  return { options: { clientId, issuer }, tokenPath: '/token', visit: (url) => visit(`${url}&login_hint=alice`) };
}

/** The providers of the rounds, by what they do with a refresh token. */
export const rotatingProviders = [
  ['a refresh token works once', startAuthgear],
  ['a second use of a refresh token ends the session', startStrictProvider],
] as const;

/** Opens two tabs and signs a user in. */
export async function openTabs(browser: Browser, provider: TabProvider) {
  const app = await servePage();
  const context = await browser.newContext();
  onTestFinished(async () => {
    await context.close();
    app.close();
  });
  const options = { ...provider.options, redirectUri, scopes: ['openid', 'offline_access'] };
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(app.origin);
    await page.evaluate(`(async () => {
      const { createLogin } = await import('/login.ts');
      const { indexedDbStorage } = await import('/session.ts');
      window.states = [];
      window.login = createLogin({
        ...${JSON.stringify(options)},
        storage: indexedDbStorage(),
        onSessionStateChange: (state) => states.push(state),
      });
      const { signal } = new AbortController();
      window.renew = () => login.getAppToken({ forceRefresh: true, signal });
      await login.configure();
      await login.getAppToken({ forceRefresh: false, signal });
    })()`);
    return page;
  };
  const first = await open();
  const signIn = async () => {
    const callback = await provider.visit((await first.evaluate('login.authorize()')) as string);
    await first.evaluate((url) => (window as unknown as TabWindow).login.finishAuthorization(url), callback);
  };
  await signIn();
  const second = await open();
  const tokenUrl = `**${provider.tokenPath}`;
  return { context, first, second, open, signIn, tokenUrl };
}

export const renew = (page: Page) => page.evaluate<string | null>('renew()');
/** Resolves with `renewed`, `signed out`, or the code of the error that a renewal rejects with. */
export const outcomeOfRenewal = (page: Page) =>
  page.evaluate<string>("renew().then((token) => (token ? 'renewed' : 'signed out'), ({ code }) => code)");
export const stateOf = (page: Page) => page.evaluate<string>('login.sessionState');

/** Lets both tabs renew at the same time, `count` times. Resolves with the renewals that gave no token. */
export async function runRounds({ first, second }: { first: Page; second: Page }, count: number): Promise<number> {
  let lost = 0;
  for (let round = 0; round < count; round += 1) {
    const tokens = await Promise.all([renew(first), renew(second)]);
    lost += tokens.filter((token) => token === null).length;
  }
  return lost;
}
