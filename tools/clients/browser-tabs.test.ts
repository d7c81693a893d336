// Tests the sessions of the client SDK in two tabs of a real browser, over IndexedDB.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, launchChromium } from '../testing/client-page.ts';
import {
  openTabs,
  renew,
  rotatingProviders,
  outcomeOfRenewal,
  runRounds,
  startAuthgear,
  startStrictProvider,
  stateOf,
} from './browser-tabs.ts';

describe.skipIf(!hasChromium())('two tabs', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  test.each(rotatingProviders)('that refresh at the same time lose no session where %s', async (_, start) => {
    const tabs = await openTabs(browser, await start());

    expect(await runRounds(tabs, 20)).toBe(0);
    expect([await stateOf(tabs.first), await stateOf(tabs.second)]).toEqual(['AUTHENTICATED', 'AUTHENTICATED']);
  });

  test('work without Web Locks', async () => {
    const tabs = await openTabs(browser, await startStrictProvider());
    for (const page of [tabs.first, tabs.second]) {
      await page.evaluate("Object.defineProperty(navigator, 'locks', { value: undefined })");
    }

    expect(await runRounds(tabs, 3)).toBe(0);
  });

  test('see the sign-out and the sign-in of each other', async () => {
    const { first, second, signIn } = await openTabs(browser, await startAuthgear());
    await first.evaluate('login.logout()');
    await expect.poll(() => stateOf(second)).toBe('NO_SESSION');

    await signIn();
    await expect.poll(() => stateOf(second)).toBe('AUTHENTICATED');
    expect(await second.evaluate('states')).toEqual(['AUTHENTICATED', 'NO_SESSION', 'AUTHENTICATED']);
  });

  test('stay signed out after a sign-out during a refresh of the other', async () => {
    const { context, first, second, tokenUrl, open } = await openTabs(browser, await startAuthgear());
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    await context.route(tokenUrl, async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    });
    const sent = first.waitForRequest(tokenUrl);
    const renewal = renew(first);
    await sent;
    await second.evaluate('login.logout()');
    release();

    expect(await renewal).toBeNull();
    expect(await renew(second)).toBeNull();
    expect([await stateOf(first), await stateOf(second), await stateOf(await open())]).toEqual(
      Array.from({ length: 3 }, () => 'NO_SESSION'),
    );
  });

  test('stay signed in while the device is offline and while the provider responds 503', async () => {
    const { context, first, second, tokenUrl } = await openTabs(browser, await startAuthgear());
    await context.setOffline(true);
    expect(await outcomeOfRenewal(first)).toBe('network_unavailable');
    await context.setOffline(false);
    await context.route(tokenUrl, (route) => route.fulfill({ status: 503 }));
    expect(await outcomeOfRenewal(second)).toBe('identity_unavailable');
    await context.unroute(tokenUrl);

    expect([await stateOf(first), await stateOf(second)]).toEqual(['AUTHENTICATED', 'AUTHENTICATED']);
    await expect.poll(() => outcomeOfRenewal(first), { timeout: 10_000 }).toBe('renewed');
    expect(await renew(second)).not.toBeNull();
  });

  test('stay signed in on a device whose clock is ten minutes off and steps', async () => {
    const tabs = await openTabs(browser, await startStrictProvider());
    for (const stepMs of [600_000, -600_000, 3_600_000, -3_600_000]) {
      for (const page of [tabs.first, tabs.second]) {
        await page.evaluate(`{ const { now } = Date; Date.now = () => now() + ${stepMs}; }`);
      }
      expect(await runRounds(tabs, 2)).toBe(0);
    }
    expect([await stateOf(tabs.first), await stateOf(tabs.second)]).toEqual(['AUTHENTICATED', 'AUTHENTICATED']);
  });

  test('keep no token that script of the page can read from the storage', async () => {
    const { first } = await openTabs(browser, await startAuthgear());
    const token = await renew(first);
    const stored = await first.evaluate<string>(`(async () => {
      const [{ name }] = await indexedDB.databases();
      const database = await new Promise((resolve) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
      });
      const items = await new Promise((resolve) => {
        const request = database.transaction('items').objectStore('items').getAll();
        request.onsuccess = () => resolve(request.result);
      });
      const textOf = (value) => value instanceof ArrayBuffer ? new TextDecoder('latin1').decode(value)
        : value instanceof CryptoKey ? 'extractable ' + value.extractable
        : ArrayBuffer.isView(value) ? new TextDecoder('latin1').decode(value)
        : typeof value === 'object' && value !== null ? Object.values(value).map(textOf).join(' ') : String(value);
      return textOf(items) + JSON.stringify({ ...localStorage, ...sessionStorage });
    })()`);

    expect(stored).toContain('extractable false');
    expect(stored).not.toContain(token);
    expect(stored).not.toMatch(/eyJ|access_token|refreshToken/);
  });
});
