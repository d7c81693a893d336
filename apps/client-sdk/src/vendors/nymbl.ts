import { checkClient } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import type { ConnectionOption, OptionsParameter } from '../client/register.ts';
import { parseConnection } from './connection.ts';

/** The options of {@link nymblFetch}. */
export interface NymblFetchOptions extends ConnectionOption<'nymbl'> {}

/**
 * Creates a `fetch` for Nymbl's API. It accepts a path of the API and resolves with Nymbl's response. The broker adds
 * Nymbl's token and API key, which never reach the device. It refuses calls that are not on its allow-list
 * (`forbidden`).
 *
 * The function rejects with a {@link ValetError} if the broker refused the call or failed. Throws a `TypeError` that names an
 * invalid argument.
 *
 * @example
 * ```ts
 * import { nymblFetch } from '@valetkey/client-sdk';
 *
 * const nymbl = nymblFetch(valet);
 * const response = await nymbl('/Patients?$top=10');
 * const { value: patients } = await response.json();
 * const nymblOfClinic = nymblFetch(valet, { connection: 'nymbl-clinic' });
 * ```
 */
export function nymblFetch(
  valet: ValetClient,
  ...[options = {}]: OptionsParameter<NymblFetchOptions>
): (path: string, init?: RequestInit) => Promise<Response> {
  checkClient(valet, 'nymblFetch', 'fetch');
  const [connection] = parseConnection('nymblFetch', 'nymbl', options);
  return (path, init) => valet.fetch(connection, path, init);
}
