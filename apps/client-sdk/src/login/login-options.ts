import { deviceClock, withMonotonicTime, type MonotonicClock } from '../clock.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { tabStorage } from './pending-requests.ts';
import type { LoginOptions, SessionStateListener } from './login-types.ts';
import { platformCryptography, type Cryptography } from './random-text.ts';
import { isSecure, parseUrl } from './secure-url.ts';

/** The options after validation, with their defaults filled in. */
export interface ParsedLoginOptions {
  readonly clientId: string;
  readonly issuer: string;
  readonly redirectUri: string;
  readonly scope: string;
  readonly storage: DeviceStorage;
  readonly pendingStorage: DeviceStorage;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly onSessionStateChange: SessionStateListener | undefined;
  readonly fetch: typeof fetch;
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly clockToleranceSeconds: number;
  readonly cryptography: Cryptography;
}

const optionNames = new Set<keyof LoginOptions | (string & {})>([
  'clientId',
  'endpoint',
  'issuer',
  'redirectUri',
  'scopes',
  'storage',
  'pendingStorage',
  'allowedOrigins',
  'onSessionStateChange',
  'fetch',
  'clock',
  'timeoutMs',
  'clockToleranceSeconds',
  'randomBytes',
  'sha256',
] satisfies (keyof LoginOptions)[]);

/** Timers count in 32 bits: a timer with a longer delay fires immediately. */
const maxTimeoutMs = 2 ** 31 - 1;
/** A day. */
const maxClockToleranceSeconds = 86_400;
const authgearScope = 'https://authgear.com/scopes/full-access';

function checkOption(holds: boolean, option: string, rule: string): asserts holds {
  // The message does not contain the value, because the value may be a credential.
  if (!holds) throw new TypeError(`createLogin: \`${option}\` ${rule}.`);
}

export function parseLoginOptions(options: LoginOptions): ParsedLoginOptions {
  checkOption(typeof options === 'object' && options !== null, 'options', 'must be an object');
  for (const name of Object.keys(options)) checkOption(optionNames.has(name), name, 'is not an option');
  const { clientId, redirectUri, timeoutMs = 10_000, clockToleranceSeconds = 300 } = options;
  checkOption(typeof clientId === 'string' && clientId !== '', 'clientId', 'must be a text');
  checkOption(isRedirectUri(redirectUri), 'redirectUri', 'must be an https URL, a loopback URL or a URL of the app');
  checkOption(
    typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs,
    'timeoutMs',
    `must be a number of milliseconds, above 0 and at most ${maxTimeoutMs}`,
  );
  checkOption(
    typeof clockToleranceSeconds === 'number' &&
      clockToleranceSeconds >= 0 &&
      clockToleranceSeconds <= maxClockToleranceSeconds,
    'clockToleranceSeconds',
    `must be a number of seconds, at least 0 and at most ${maxClockToleranceSeconds}`,
  );
  const { onSessionStateChange, storage, pendingStorage = tabStorage() ?? storage } = options;
  checkOption(isStorage(storage), 'storage', 'must be a storage, such as `memoryStorage()`');
  checkOption(isStorage(pendingStorage), 'pendingStorage', 'must be a storage, such as `memoryStorage()`');
  checkOption(
    ['function', 'undefined'].includes(typeof onSessionStateChange),
    'onSessionStateChange',
    'must be a function',
  );
  return {
    clientId,
    issuer: parseIssuer(options),
    redirectUri,
    scope: parseScope(options),
    storage,
    pendingStorage,
    allowedOrigins: parseAllowedOrigins(options.allowedOrigins ?? []),
    onSessionStateChange,
    timeoutMs,
    clockToleranceSeconds,
    ...parseEffects(options),
  };
}

function parseIssuer({ endpoint, issuer }: LoginOptions): string {
  const isOne = (endpoint === undefined) !== (issuer === undefined);
  checkOption(isOne, 'issuer', 'or `endpoint` must be present, but not both');
  const name = issuer === undefined ? 'endpoint' : 'issuer';
  const value = issuer ?? endpoint;
  const url = typeof value === 'string' ? parseUrl(value) : undefined;
  const isIssuer = url !== undefined && isSecure(url) && url.search === '' && url.hash === '';
  const rule = 'must be an https URL without credentials, query or fragment (http only for a loopback host)';
  checkOption(isIssuer, name, rule);
  return url.href;
}

function parseScope({ endpoint, scopes }: LoginOptions): string {
  const defaults = ['openid', 'offline_access', ...(endpoint === undefined ? [] : [authgearScope])];
  const list: unknown = scopes ?? defaults;
  // RFC 6749 section 3.3 excludes spaces, quotes and backslashes.
  const isScope = (scope: unknown) => typeof scope === 'string' && /^[!#-[\]-~]+$/.test(scope);
  checkOption(
    Array.isArray(list) && list.every(isScope) && list.includes('openid'),
    'scopes',
    'must be a list of scopes, with `openid`',
  );
  return list.join(' ');
}

function parseAllowedOrigins(origins: unknown): ReadonlySet<string> {
  const isOrigin = (origin: unknown) => {
    const url = typeof origin === 'string' ? parseUrl(origin) : undefined;
    return url !== undefined && isSecure(url) && url.origin === origin;
  };
  checkOption(
    Array.isArray(origins) && origins.every(isOrigin),
    'allowedOrigins',
    'must be a list of https origins such as `https://api.example.com`, without a path and in lower case (http only for a loopback host)',
  );
  return new Set<string>(origins as string[]);
}

function parseEffects(options: LoginOptions): Pick<ParsedLoginOptions, 'fetch' | 'clock' | 'cryptography'> {
  const { fetch = globalThis.fetch, clock = deviceClock } = options;
  checkOption(typeof fetch === 'function', 'fetch', 'must be a function; the platform has no `fetch`');
  checkOption(
    typeof clock?.nowMs === 'function' && typeof clock.schedule === 'function',
    'clock',
    'must have the functions `nowMs` and `schedule`, and may have `monotonicMs`',
  );
  const platform = platformCryptography();
  const { randomBytes = platform.randomBytes, sha256 = platform.sha256 } = options;
  const rule = 'must be a function; it is required if the platform has no WebCrypto';
  checkOption(typeof randomBytes === 'function', 'randomBytes', rule);
  checkOption(typeof sha256 === 'function', 'sha256', rule);
  return { fetch, clock: withMonotonicTime(clock), cryptography: { randomBytes, sha256 } };
}

function isStorage(value: unknown): value is DeviceStorage {
  const { read, replace, remove } = (value ?? {}) as Partial<DeviceStorage>;
  return [read, replace, remove].every((part) => typeof part === 'function');
}

/** Accepts https, loopback, and the scheme of an app (RFC 8252 section 7), but no scheme that a browser itself runs. */
function isRedirectUri(value: unknown): value is string {
  const url = typeof value === 'string' ? parseUrl(value) : undefined;
  if (url === undefined || url.hash !== '') return false;
  if (/^https?:$/.test(url.protocol)) return isSecure(url);
  return !/^(?:about|blob|data|file|ftp|javascript|vbscript|wss?):$/.test(url.protocol);
}
