import { isBaseUrl } from '../http/broker-url.ts';
import type { ConnectionOption } from '../client/register.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { ValetError } from '../errors/valet-error.ts';
import { parseConnection } from './connection.ts';

/** An environment and a region of Vital. */
export interface VitalPlace {
  /** For example `sandbox` or `production`. */
  readonly environment: string;
  /** For example `us` or `eu`. */
  readonly region: string;
}

/** The options of `createVitalSession`. Sessions of two connections are kept separately. */
export interface VitalSessionOptions extends ConnectionOption<'vital'> {
  /** Where the session is kept. */
  readonly storage: DeviceStorage;
  /** Sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Returns the URL of Vital's server for sign-ins. Default: that of Junction, such as `https://auth.sandbox.eu.junction.com`. */
  readonly authUrl?: ((place: VitalPlace) => string) | undefined;
  /** Returns the URL of Vital's API. Default: that of Junction, such as `https://api.sandbox.eu.junction.com`. */
  readonly apiUrl?: ((place: VitalPlace) => string) | undefined;
  /** Milliseconds that a call may take. Default: the `timeoutMs` of the client. */
  readonly timeoutMs?: number | undefined;
}

/** Returns the URL of a host of Junction. Source: its API documentation. */
function junctionUrl(host: string): (place: VitalPlace) => string {
  return ({ environment, region }) =>
    `https://${host}.${environment === 'production' ? '' : `${environment}.`}${region}.junction.com`;
}

const otherOptions = ['storage', 'fetch', 'authUrl', 'apiUrl', 'timeoutMs'];

/** The options after validation, with their defaults filled in. */
export interface ParsedVitalSessionOptions {
  readonly connection: string;
  readonly storage: DeviceStorage;
  readonly fetch: typeof fetch;
  readonly authUrl: (place: VitalPlace) => string;
  readonly apiUrl: (place: VitalPlace) => string;
  readonly timeoutMs: number | undefined;
}

export function parseVitalSessionOptions(options: VitalSessionOptions): ParsedVitalSessionOptions {
  const [connection, check] = parseConnection('createVitalSession', 'vital', options, otherOptions);
  const { storage, fetch = globalThis.fetch, timeoutMs } = options;
  const { authUrl = junctionUrl('auth'), apiUrl = junctionUrl('api') } = options;
  for (const [name, value] of Object.entries({ fetch, authUrl, apiUrl })) {
    check(typeof value === 'function', name, 'must be a function');
  }
  // The platform's `fetch` needs its own `this`.
  const urls = { authUrl: checkedUrl('authUrl', authUrl), apiUrl: checkedUrl('apiUrl', apiUrl) };
  return {
    connection,
    storage,
    timeoutMs,
    ...urls,
    fetch: ((url, init) => fetch(url, init)) as typeof globalThis.fetch,
  };
}

function checkedUrl(option: string, urlOf: (place: VitalPlace) => string): (place: VitalPlace) => string {
  return (place) => {
    const url = urlOf(place);
    if (isBaseUrl(url)) return url.replace(/\/$/, '');
    throw new ValetError('invalid_request', `\`${option}\` returned no URL of a server.`, {
      remediation: 'Return an https URL without a query (http only for a loopback host).',
      vendor: 'vital',
    });
  };
}
