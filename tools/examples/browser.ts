import { startDev } from '@valetkey/broker';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium } from '../testing/client-page.ts';

/** What the test of an example uses: `valetkey dev` on free ports, and a browser. */
export interface Stage {
  readonly brokerUrl: string;
  readonly sandboxUrl: string;
  /** Opens a browser without a session. */
  readonly openBrowser: () => Promise<Tabs>;
  readonly close: () => Promise<void>;
}

/** The tabs of one browser, which share a storage. */
export interface Tabs {
  readonly open: (url: string) => Promise<Page>;
  /** The errors and warnings that all tabs printed. */
  readonly problems: readonly string[];
  readonly close: () => Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const dev = await startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
  const browser: Browser = await launchChromium();
  return {
    brokerUrl: dev.brokerUrl,
    sandboxUrl: dev.sandboxUrl,
    openBrowser: async () => createTabs(await browser.newContext()),
    close: async () => {
      await browser.close();
      await dev.close();
    },
  };
}

function createTabs(context: BrowserContext): Tabs {
  const problems: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  context.on('weberror', (error) => problems.push(error.error().message));
  return {
    problems,
    open: async (url) => {
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      await page.goto(url);
      return page;
    },
    close: () => context.close(),
  };
}

/** Resolves as soon as the page shows a text. Rejects with what it shows instead. */
export async function waitForText(page: Page, text: string | RegExp): Promise<void> {
  try {
    await page.getByText(text).first().waitFor();
  } catch (error) {
    throw new Error(`The page does not show ${String(text)}:\n${await page.locator('body').innerText()}`, {
      cause: error,
    });
  }
}
