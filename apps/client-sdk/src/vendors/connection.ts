import { isConnectionName } from '../broker-url.ts';

/**
 * Returns the option `connection` of a function of a vendor. Default: the vendor's id. `names` are those of its other options.
 * Throws a `TypeError` that names an invalid option, without its value, which may be a credential.
 */
export function parseConnection(options: unknown, where: string, vendor: string, ...names: readonly string[]): string {
  const refuse = (option: string, rule: string) => new TypeError(`${where}: \`${option}\` ${rule}.`);
  if (typeof options !== 'object' || options === null) throw refuse('options', 'must be an object');
  for (const name of Object.keys(options)) {
    if (name !== 'connection' && !names.includes(name)) throw refuse(name, 'is not an option');
  }
  const { connection = vendor } = options as { readonly connection?: unknown };
  if (!isConnectionName(connection))
    throw refuse('connection', `must be the name of a connection, such as \`${vendor}\``);
  return connection;
}
