import { readBlocks } from '../../../clients/page-code.ts';
import { launchChromium } from '../../../testing/client-page.ts';
import { createBrokerSite, type BrokerExchange } from './broker-site.ts';
import { bundleApp } from './bundle-app.ts';
import { startInternet, type Site } from './internet.ts';
import { startOperator, type UserName, type VendorPage } from './operator.ts';

const appHost = 'app.example.com';
const appOrigin = `https://${appHost}`;
/** Longer than an SDK needs on a busy machine. */
const maxAppMs = 20_000;

/** An app, as a module that exports `result`. */
export interface App {
  readonly code: string;
  /** The constants that the code reads and does not declare, by name. */
  readonly given?: Readonly<Record<string, string>>;
  /** Who is signed in. Default: alice. */
  readonly user?: UserName;
}

/** What an app has done. */
export interface AppRun {
  /** What the app exported as `result`. */
  readonly result: unknown;
  /** The message with which the app failed, or an empty text. */
  readonly error: string;
  /** What the broker received from the app, in order and without preflights. */
  readonly exchanges: readonly BrokerExchange[];
}

/** A response of the broker to `POST /v1/vendors/{connection}/token`. */
export interface TokenResponse {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Where the proofs play: a browser, a broker with its operator's configuration, and an internet without a vendor. */
export interface Stage {
  /** The connections of the broker, by name. */
  readonly connections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Puts a site of a vendor into the internet. */
  readonly open: (host: string, site: Site) => void;
  /** Runs an app in a page of its own. */
  readonly runApp: (app: App) => Promise<AppRun>;
  /** Requests a token of the broker, without any SDK. */
  readonly requestToken: (connection: string, parameters?: object, user?: UserName) => Promise<TokenResponse>;
  readonly close: () => Promise<void>;
}

const html = '<!doctype html><title>App</title><link rel="icon" href="data:,">';

/** Opens the stage for the vendors of some pages. */
export async function openStage(pages: readonly VendorPage[]): Promise<Stage> {
  const internet = await startInternet();
  const operator = await startOperator(pages, appOrigin);
  const browser = await launchChromium([
    ...internet.browserArguments,
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
  ]);
  const exchanges: BrokerExchange[] = [];
  let script = '';
  internet.open('broker.example.com', createBrokerSite(operator.brokerUrl, exchanges));
  internet.open(appHost, {
    respond({ url }, response) {
      const [type, content] = url === '/app.js' ? ['text/javascript', script] : ['text/html', html];
      response.writeHead(200, { 'content-type': type }).end(content);
    },
  });

  return {
    connections: operator.connections,
    open: internet.open,
    async runApp({ code, given = {}, user = 'alice' }) {
      exchanges.length = 0;
      const constants = { ...given, appToken: await operator.mintAppToken(user) };
      script = await bundleApp(`${writeConstants(constants)}${client}${code}`);
      const page = await browser.newPage();
      try {
        page.setDefaultTimeout(maxAppMs);
        await page.goto(appOrigin);
        // Rejects after the timeout, so that an app which does not end fails.
        const closed = page.waitForEvent('close').then(() => ({ result: undefined, error: 'The page was closed.' }));
        const outcome = await Promise.race([page.evaluate(runModule), closed]);
        internet.throwFailure();
        return { ...outcome, exchanges: exchanges.filter(({ method }) => method !== 'OPTIONS') };
      } finally {
        await page.close();
      }
    },
    async requestToken(connection, parameters = {}, user = 'alice') {
      const response = await fetch(`${operator.brokerUrl}/v1/vendors/${connection}/token`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await operator.mintAppToken(user)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(parameters),
      });
      return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
    },
    async close() {
      await browser.close();
      await operator.close();
      internet.close();
    },
  };
}

/** What each app has before the code of the page. */
const client = `
import { createValetClient } from '@valetkey/client-sdk';
const valet = createValetClient({ brokerUrl: 'https://broker.example.com', getAppToken: () => appToken });
`;

function writeConstants(constants: Readonly<Record<string, string>>): string {
  return Object.entries(constants)
    .map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`)
    .join('');
}

/** Runs in the page. */
async function runModule(): Promise<{ readonly result: unknown; readonly error: string }> {
  try {
    const path = '/app.js';
    return { result: ((await import(path)) as { readonly result?: unknown }).result, error: '' };
  } catch (error) {
    return { result: undefined, error: String((error as { readonly message?: unknown }).message ?? error) };
  }
}

/** Returns a code block of a vendor's page as it is printed: the one that contains a text. */
export function readPrintedApp(page: string, containing: string): string {
  const found = readBlocks(page, 'ts').filter(({ code }) => code.includes(containing));
  const [block, ...others] = found;
  if (block === undefined || others.length > 0)
    throw new Error(`${found.length} blocks of ${page} contain ${containing}.`);
  return `${block.code}\n`;
}
