import { checkClient } from '../client-inside.ts';
import type { ClientFor } from '../client.ts';

/**
 * Creates a `fetch` for Nymbl's API. It accepts a path of the API and resolves with Nymbl's response. The broker adds
 * Nymbl's token and API key, which never reach the device. It refuses calls that are not on its allow-list
 * (`forbidden`).
 *
 * The function rejects with a {@link ValetError} if the broker refused the call or failed.
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
export function nymblFetch(valet: ClientFor<'nymbl'>): (path: string, init?: RequestInit) => Promise<Response> {
  checkClient(valet, 'nymblFetch', 'fetch');
  return (path, init) => valet.fetch('nymbl', path, init);
}
