import { createOptionCheck } from '../checks/option-check.ts';
import { parseSessionOptions, type ParsedSessionOptions } from '../session/session-options.ts';
import { tabStorage, type PendingStorage } from './pending-requests.ts';
import type { LoginOptions, SessionStateListener } from './login-types.ts';
import { platformCryptography, type Cryptography } from './random-text.ts';
import { isSecure, parseUrl } from './secure-url.ts';

/** The options after validation, with their defaults filled in. */
export interface ParsedLoginOptions extends ParsedSessionOptions {
  readonly clientId: string;
  readonly issuer: string;
  readonly redirectUri: string;
  readonly scope: string;
  readonly pendingStorage: PendingStorage;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly onSessionStateChange: SessionStateListener | undefined;
  readonly fetch: typeof fetch;
  readonly clockToleranceSeconds: number;
  readonly cryptography: Cryptography;
}

/** A day. */
const maxClockToleranceSeconds = 86_400;
const authgearScope = 'https://authgear.com/scopes/full-access';
const where = 'createLogin';

type OptionAssertion = (holds: boolean, option: string, rule: string) => asserts holds;
const checkOption: OptionAssertion = createOptionCheck(where) as OptionAssertion;

function checkFunction<Value>(value: Value | undefined, option: string): asserts value is Value {
  checkOption(typeof value === 'function', option, 'must be a function, which this platform lacks');
}

export function parseLoginOptions(options: LoginOptions): ParsedLoginOptions {
  const { clientId, endpoint, issuer, redirectUri, scopes, allowedOrigins = [], ...others } = options;
  const { storage, pendingStorage = tabStorage() ?? storage, clock, timeoutMs, ...effects } = others;
  const { onSessionStateChange, clockToleranceSeconds = 300, fetch = globalThis.fetch, ...functions } = effects;
  const platform = platformCryptography();
  const { randomBytes = platform.randomBytes, sha256 = platform.sha256, ...unknown } = functions;
  for (const name of Object.keys(unknown)) checkOption(false, name, 'is not an option');
  checkOption(typeof clientId === 'string' && clientId !== '', 'clientId', 'must be a text');
  checkOption(isRedirectUri(redirectUri), 'redirectUri', 'must be an https URL or a URL of the app');
  checkOption(
    typeof clockToleranceSeconds === 'number' &&
      clockToleranceSeconds >= 0 &&
      clockToleranceSeconds <= maxClockToleranceSeconds,
    'clockToleranceSeconds',
    `must be a number of seconds, at most ${maxClockToleranceSeconds}`,
  );
  checkFunction(fetch, 'fetch');
  checkFunction(randomBytes, 'randomBytes');
  checkFunction(sha256, 'sha256');
  if (onSessionStateChange !== undefined) checkFunction(onSessionStateChange, 'onSessionStateChange');
  const session = parseSessionOptions({ storage, clock, timeoutMs }, where);
  checkFunction(pendingStorage.replace, 'pendingStorage.replace');
  return {
    ...session,
    clientId,
    issuer: parseIssuer(endpoint, issuer),
    redirectUri,
    scope: parseScope(scopes ?? defaultScopes(endpoint)),
    pendingStorage,
    allowedOrigins: parseAllowedOrigins(allowedOrigins),
    onSessionStateChange,
    clockToleranceSeconds,
    fetch,
    cryptography: { randomBytes, sha256 },
  };
}

function parseIssuer(endpoint: unknown, issuer: unknown): string {
  const url = parseUrl(issuer ?? endpoint);
  checkOption(
    (endpoint === undefined || issuer === undefined) &&
      url !== undefined &&
      isSecure(url) &&
      url.search === '' &&
      url.hash === '',
    'endpoint` or `issuer',
    'must be an https URL without credentials, query and fragment',
  );
  return url.href;
}

function defaultScopes(endpoint: unknown): readonly string[] {
  return ['openid', 'offline_access', ...(endpoint === undefined ? [] : [authgearScope])];
}

function parseScope(list: unknown): string {
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
    const url = parseUrl(origin);
    // `https://*.example.com` is a valid origin, but not the one that its author means.
    return url !== undefined && isSecure(url) && url.origin === origin && !url.host.includes('*');
  };
  checkOption(
    Array.isArray(origins) && origins.every(isOrigin),
    'allowedOrigins',
    'must be a list of origins such as `https://api.example.com`, without a slash at the end',
  );
  return new Set<string>(origins as string[]);
}

/** Accepts https, loopback, and the scheme of an app (RFC 8252 section 7), but no scheme that a browser itself runs. */
function isRedirectUri(value: unknown): value is string {
  const url = typeof value === 'string' ? parseUrl(value) : undefined;
  if (url === undefined || url.hash !== '') return false;
  return /^https?:$/.test(url.protocol)
    ? isSecure(url)
    : !/^(?:about|blob|data|file|ftp|javascript|vbscript|wss?):$/.test(url.protocol);
}
