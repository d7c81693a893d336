// The longer proofs of two tabs of a real browser: 200 rounds, and a tab that the browser suspends in the middle of a refresh.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasChromium, launchChromium } from '../testing/client-page.ts';
import {
  openTabs,
  renew,
  rotatingProviders,
  outcomeOfRenewal,
  runRounds,
  startAuthgear,
  stateOf,
} from './browser-tabs.ts';

let browser: Browser;
beforeAll(async () => {
  if (!hasChromium()) throw new Error('This test needs Chromium.');
  browser = await launchChromium();
});
afterAll(() => browser.close());

test.each(rotatingProviders)(
  '200 rounds of two tabs that refresh at the same time lose no session where %s',
  async (_, start) => {
    const tabs = await openTabs(browser, await start());

    expect(await runRounds(tabs, 200)).toBe(0);
    expect([await stateOf(tabs.first), await stateOf(tabs.second)]).toEqual(['AUTHENTICATED', 'AUTHENTICATED']);
  },
);

test('a tab that the browser suspends during a refresh loses no session, and returns with the newer tokens', async () => {
  const { context, first, second, tokenUrl } = await openTabs(browser, await startAuthgear());
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  await first.route(tokenUrl, async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response });
  });
  const sent = first.waitForRequest(tokenUrl);
  const suspended = renew(first).catch(() => null);
  await sent;
  // A paused debugger is the only suspension that Chromium carries out at once.
  const debuggerOfFirst = await context.newCDPSession(first);
  await debuggerOfFirst.send('Debugger.enable');
  await debuggerOfFirst.send('Debugger.pause');

  // The second tab takes over. The provider refuses the refresh token that the first tab has used, which ends nothing yet.
  await expect.poll(() => outcomeOfRenewal(second), { timeout: 40_000 }).toBe('refresh_interrupted');
  release();
  await debuggerOfFirst.send('Debugger.disable');
  await suspended;
  await first.unroute(tokenUrl);

  await expect.poll(() => outcomeOfRenewal(second), { timeout: 20_000 }).toBe('renewed');
  expect([await stateOf(first), await stateOf(second)]).toEqual(['AUTHENTICATED', 'AUTHENTICATED']);
});
