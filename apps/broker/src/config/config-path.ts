import { toFieldPath } from '@valetkey/core-types';

/** The allowed names of connections. A name is part of URLs, metric labels and database rows. */
export const connectionName = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Returns the path of a field for a message. It has the name of the connection whose field it is, because such names are public. */
export function toConfigPath(path: readonly PropertyKey[]): string {
  const [section, name, ...rest] = path;
  const isInConnection = section === 'vendors' && rest.length > 0 && connectionName.test(String(name));
  return isInConnection ? `vendors.${String(name)}.${toFieldPath(rest)}` : toFieldPath(path);
}
