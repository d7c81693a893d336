import { isConnectionName } from '../http/broker-url.ts';
import { checkOptionNames, type OptionCheck } from '../checks/option-check.ts';

/**
 * Returns the option `connection` of the function `where` of a vendor, and the check of its other options, which are `names`.
 * Default: the vendor's id. Throws a `TypeError` that names an invalid option.
 */
export function parseConnection(
  where: string,
  vendor: string,
  options: unknown,
  names: readonly string[] = [],
): readonly [connection: string, check: OptionCheck] {
  const check = checkOptionNames(where, options, [...names, 'connection']);
  const { connection = vendor } = options as { readonly connection?: string };
  check(isConnectionName(connection), 'connection', 'must be the name of a connection, such as `nabla`');
  return [connection, check];
}
