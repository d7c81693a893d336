import { isBaseUrl } from '../http/broker-url.ts';
import type { ConnectionOption } from '../client/register.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { parseConnection } from './connection.ts';

/** The options of `createNablaSession`. Sessions of two connections are kept separately. */
export interface NablaSessionOptions extends ConnectionOption<'nabla'> {
  /** Your app's id of the user, as Nabla's SDK takes it. */
  readonly userId: string;
  /** Where the session is kept. Nabla's own SDKs keep it in memory. */
  readonly storage: DeviceStorage;
  /** Nabla's public API key, sent as `X-Nabla-API-Key`. It is no secret. Absent: not sent. */
  readonly publicApiKey?: string | undefined;
  /** The URL of Nabla's API. Default: `https://api.nabla.com`. */
  readonly baseUrl?: string | undefined;
  /** Sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Milliseconds that a call may take. Default: the `timeoutMs` of the client. */
  readonly timeoutMs?: number | undefined;
}

/** The options after validation, with their defaults filled in. */
export interface ParsedNablaSessionOptions {
  readonly connection: string;
  readonly userId: string;
  readonly storage: DeviceStorage;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number | undefined;
}

const otherOptions = ['userId', 'storage', 'publicApiKey', 'baseUrl', 'fetch', 'timeoutMs'];

export function parseNablaSessionOptions(options: NablaSessionOptions): ParsedNablaSessionOptions {
  const [connection, check] = parseConnection('createNablaSession', 'nabla', options, otherOptions);
  const { userId, storage, publicApiKey, timeoutMs } = options;
  const { baseUrl = 'https://api.nabla.com', fetch = globalThis.fetch } = options;
  check(typeof userId === 'string' && userId !== '', 'userId', 'must be a text that is not empty');
  check(publicApiKey === undefined || isHeaderText(publicApiKey), 'publicApiKey', 'must be a text without spaces');
  check(isBaseUrl(baseUrl), 'baseUrl', 'must be an https URL without a query (http only for a loopback host)');
  check(typeof fetch === 'function', 'fetch', 'must be a function');
  const headers: Record<string, string> = publicApiKey === undefined ? {} : { 'x-nabla-api-key': publicApiKey };
  // The platform's `fetch` needs its own `this`.
  const send: typeof globalThis.fetch = (url, init) => fetch(url, init);
  return { connection, userId, storage, baseUrl: baseUrl.replace(/\/$/, ''), headers, fetch: send, timeoutMs };
}

function isHeaderText(value: unknown): boolean {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}
