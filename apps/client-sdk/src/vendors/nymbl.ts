import type { ValetClient } from '../client.ts';

/**
 * Makes a `fetch` for Nymbl's API: paths of that API in, its answers out. The broker adds Nymbl's token and API key,
 * which never reach the device, and lets through what its allow-list names.
 *
 * Rejects with a {@link ValetError} where the broker refused (`forbidden`) or failed.
 *
 * @example
 * ```ts
 * import { nymblFetch } from '@valetkey/client-sdk';
 *
 * const nymbl = nymblFetch(valet);
 * const response = await nymbl('/Patients?$top=10');
 * const { value: patients } = await response.json();
 * ```
 */
export function nymblFetch(valet: ValetClient): (path: string, init?: RequestInit) => Promise<Response> {
  return (path, init) => valet.fetch('nymbl', path, init);
}
