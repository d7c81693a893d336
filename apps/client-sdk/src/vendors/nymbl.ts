import type { ValetClient } from '../client.ts';

/**
 * Creates a `fetch` for Nymbl's API: it accepts a path of that API and resolves with Nymbl's response. The broker adds
 * Nymbl's token and API key, which never reach the device, and sends only the calls on its allow-list.
 *
 * Rejects with a {@link ValetError} when the broker refused (`forbidden`) or failed.
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
