import type { SampleRequest, SampleTextPart } from '@valetkey/core-types';

/** The requests with one method and one form of path. */
export interface RouteGroup {
  /** Such as `POST /v1/tokens/{user_id}`. */
  readonly route: string;
  readonly requests: readonly SampleRequest[];
}

/** Groups requests by their routes, in the order of the recipe. Paths that differ only in the names of variables are one route. */
export function groupByRoute(requests: readonly SampleRequest[]): readonly RouteGroup[] {
  const groups = new Map<string, { route: string; requests: SampleRequest[] }>();
  for (const request of requests) {
    const { method, path } = request;
    const key = [method, ...path.map((parts) => literalOf(parts) ?? '{}')].join('/');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { route: `${method} ${writePath(path)}`, requests: [request] });
    else group.requests.push(request);
  }
  return [...groups.values()];
}

function writePath(path: SampleRequest['path']): string {
  const names = new Set<string>();
  const segments = path.map((parts) => {
    const literal = literalOf(parts);
    if (literal !== undefined) return literal;
    const base = nameOf(parts);
    let name = base;
    for (let count = 2; names.has(name); count += 1) name = `${base}_${count}`;
    names.add(name);
    return `{${name}}`;
  });
  return `/${segments.join('/')}`;
}

/** Returns a segment that does not vary. */
function literalOf(parts: readonly SampleTextPart[]): string | undefined {
  return parts.every((part) => typeof part === 'string') ? parts.join('') : undefined;
}

/** Returns the name of what varies in a segment, such as `user_id` for `user.id`. */
function nameOf(parts: readonly SampleTextPart[]): string {
  const variables = parts.flatMap((part) => (typeof part === 'object' && 'variable' in part ? [part.variable] : []));
  const [variable = 'value'] = variables;
  return variable.replace(/^(?:parameters|options)\./, '').replaceAll(/\W/g, '_');
}
