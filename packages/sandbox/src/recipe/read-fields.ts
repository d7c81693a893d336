/** Fields of a form or a query: texts, and groups of fields. */
interface Fields {
  [name: string]: string | Fields;
}

const maxDepth = 10;

/** Reads nested fields: `a[b]=1` is the field `b` in the group `a`. An object without a prototype holds any name. */
export function readFields(parameters: URLSearchParams): Fields {
  const fields = createFields();
  for (const [name, value] of parameters) {
    const [, first = name, rest = ''] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? [];
    const path = [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, inner = '']) => inner)].slice(0, maxDepth);
    const last = path.pop() ?? '';
    let group = fields;
    for (const part of path) {
      const member = group[part];
      group = typeof member === 'object' ? member : (group[part] = createFields());
    }
    group[last] = value;
  }
  return fields;
}

function createFields(): Fields {
  return Object.assign(Object.create(null) as object, {}) as Fields;
}
