/**
 * Returns a claim by its name, or by a path of names with dots between them. The whole path is tried as a name first,
 * because names may contain dots (`https://example.com/roles`).
 *
 * @example
 * ```ts
 * import { readClaim } from '@valetkey/core-types';
 *
 * readClaim({ app_metadata: { tenant: 'acme' } }, 'app_metadata.tenant'); // 'acme'
 * ```
 */
export function readClaim(claims: unknown, path: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  const members = claims as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, path)) return members[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const parent = path.slice(0, dot);
    const found = Object.hasOwn(members, parent) ? readClaim(members[parent], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
